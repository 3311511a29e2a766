"""The endpoint is replaced where it must be, updated where it can be, isolated, and watched."""

from typing import Any

import pytest
from aws_cdk.assertions import Template

from local_aws.sagemaker.deployment import DeploymentPlan
from settings.names import endpoint_name
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import of_type, only, text


def test_the_model_runs_without_a_network(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties("AWS::SageMaker::Model", {"EnableNetworkIsolation": True})


def test_what_cannot_be_changed_has_no_name(templates: dict[str, Template]) -> None:
    assert "ModelName" not in only(templates["serving"], "AWS::SageMaker::Model")
    assert "EndpointConfigName" not in only(templates["serving"], "AWS::SageMaker::EndpointConfig")


def test_an_update_keeps_the_auto_scaled_number_of_instances_and_a_creation_does_not_ask_for_it(
    templates: dict[str, Template],
) -> None:
    """ "AWS::SageMaker::Endpoint", CloudFormation template reference: "Use this property only when updating"."""
    [(check, asked)] = templates["serving"].find_resources("Custom::ExistingEndpoint").items()
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")
    assert endpoint["RetainAllVariantProperties"] == {"Fn::GetAtt": [check, "Exists"]}
    for name in ("EndpointName", "EndpointConfigName"):  # asked again with each configuration
        assert asked["Properties"][name] == endpoint[name]


def test_a_deploy_over_an_earlier_version_updates_its_endpoint_in_place(templates: dict[str, Template]) -> None:
    """CloudFormation replaces a resource whose logical id or fixed name is another, and its calls with it.

    Both are those of version 0.1.0, whose instances ran AWS's Ray Serve image.
    """
    endpoints = templates["serving"].find_resources("AWS::SageMaker::Endpoint")
    assert {id: endpoint["Properties"]["EndpointName"] for id, endpoint in endpoints.items()} == {
        "Endpoint": "slipway-dev-4bd2"
    }


def test_off_it_keeps_model_configuration_and_function_and_nothing_that_bills_by_the_hour(
    templates: dict[str, Template], synthesize: Synthesize
) -> None:
    off = synthesize(endpoint="off")
    for type_ in ("Model", "EndpointConfig"):
        assert only(off["serving"], f"AWS::SageMaker::{type_}") == only(
            templates["serving"], f"AWS::SageMaker::{type_}"
        )
    for type_ in ("SageMaker::Endpoint", "ApplicationAutoScaling::ScalableTarget", "CloudWatch::Alarm"):
        off["serving"].resource_count_is(f"AWS::{type_}", 0)
    function = only(off["serving"], "AWS::Lambda::Function")
    assert function["Environment"]["Variables"]["ENDPOINT_NAME"] == ""
    assert "ProvisionedConcurrencyConfig" not in only(off["serving"], "AWS::Lambda::Alias")


def test_switching_it_off_trains_nothing(templates: dict[str, Template], synthesize: Synthesize) -> None:
    assert synthesize(endpoint="off")["trained-model"].to_json() == templates["trained-model"].to_json()


def test_a_new_instance_type_is_a_new_endpoint() -> None:
    first, second = endpoint_name("slipway-dev", "ml.m5.large"), endpoint_name("slipway-dev", "ml.c5.large")
    assert first != second
    assert len(first) == len(second) == len("slipway-dev-0000")


def test_a_new_model_is_the_same_endpoint(templates: dict[str, Template], synthesize: Synthesize) -> None:
    other = synthesize(epochs=6)["serving"]
    before, after = templates["serving"], other
    for name in ("EndpointName",):
        assert only(before, "AWS::SageMaker::Endpoint")[name] == only(after, "AWS::SageMaker::Endpoint")[name]
    urls = {text(only(stack, "AWS::SageMaker::Model")["PrimaryContainer"]["ModelDataUrl"]) for stack in (before, after)}
    assert len(urls) == 2


def test_the_disk_is_encrypted_with_the_systems_key_where_it_can_be(
    templates: dict[str, Template], gpu_fleet: dict[str, Template]
) -> None:
    assert "KmsKeyId" in only(templates["serving"], "AWS::SageMaker::EndpointConfig")
    assert "KmsKeyId" not in only(gpu_fleet["serving"], "AWS::SageMaker::EndpointConfig")  # local NVMe


def test_the_endpoint_publishes_no_metrics_that_nothing_reads(templates: dict[str, Template]) -> None:
    """ "Getting started with detailed observability", SageMaker developer guide: the default is true."""
    config = only(templates["serving"], "AWS::SageMaker::EndpointConfig")
    assert config["MetricsConfig"] == {"EnableDetailedObservability": False}


def shift_of(stacks: dict[str, Template]) -> dict[str, Any]:
    endpoint = only(stacks["serving"], "AWS::SageMaker::Endpoint")
    return dict(endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"])


def test_of_a_single_instance_no_part_can_be_a_canary(templates: dict[str, Template]) -> None:
    routing = shift_of(templates)["TrafficRoutingConfiguration"]
    assert routing == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}


@pytest.mark.parametrize(
    ("settings", "routing"),
    [
        (
            {"endpoint_shift_percent": 25},
            {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25}, "WaitIntervalInSeconds": 300},
        ),
        (
            {"endpoint_shift": "linear", "endpoint_bake_seconds": 2400},
            {
                "Type": "LINEAR",
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 10},
                "WaitIntervalInSeconds": 2400,
            },
        ),
        ({"endpoint_shift": "all-at-once"}, {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}),
    ],
)
def test_calls_move_as_the_settings_say(
    synthesize: Synthesize, settings: dict[str, Any], routing: dict[str, Any]
) -> None:
    shift = shift_of(synthesize(endpoint_min_instances=2, **settings))
    assert shift["TrafficRoutingConfiguration"] == routing
    DeploymentPlan.plan({"BlueGreenUpdatePolicy": shift}, 10)  # refuses waits that the time limit does not hold
    assert shift["MaximumExecutionTimeoutInSeconds"] <= 28800


@pytest.mark.parametrize("percent", [10, 20, 33, 50])
def test_a_linear_shift_has_the_time_for_a_fleet_of_any_size(synthesize: Synthesize, percent: int) -> None:
    stacks = synthesize(
        endpoint_min_instances=2, endpoint_shift="linear", endpoint_shift_percent=percent, endpoint_bake_seconds=2400
    )
    shift = shift_of(stacks)
    for instances in range(2, 101):
        if max(1, percent * instances // 100) >= instances / 10:  # SageMaker refuses a smaller step
            DeploymentPlan.plan({"BlueGreenUpdatePolicy": shift}, instances)
    assert shift["MaximumExecutionTimeoutInSeconds"] <= 28800


@pytest.mark.parametrize("settings", [{"endpoint_bake_seconds": 600}, {"endpoint_rollback_p99_ms": 0}])
def test_another_shift_has_a_configuration_of_its_own(
    templates: dict[str, Template], synthesize: Synthesize, settings: dict[str, Any]
) -> None:
    """ "UpdateEndpoint", SageMaker API reference: "To update an endpoint, you must create a new EndpointConfig"."""
    ids = [
        set(stacks["serving"].find_resources("AWS::SageMaker::EndpointConfig"))
        for stacks in (templates, synthesize(**settings), synthesize(epochs=6))
    ]
    assert ids[0] == ids[2] != ids[1]


def rollback_alarms(stacks: dict[str, Template]) -> dict[str, dict[str, Any]]:
    return {alarm["MetricName"]: alarm for alarm in of_type(stacks["serving"], "AWS::CloudWatch::Alarm")}


def test_errors_and_latency_of_the_new_model_take_a_deployment_back(templates: dict[str, Template]) -> None:
    alarms = rollback_alarms(templates)
    limits = {name: (a.get("Statistic", a.get("ExtendedStatistic")), a["Threshold"]) for name, a in alarms.items()}
    assert limits == {
        "Invocation5XXErrors": ("Average", 0.01),
        "InvocationModelErrors": ("Average", 0.5),
        "ModelLatency": ("p99", 3_000_000),  # microseconds
    }
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")
    named = [alarm["AlarmName"] for alarm in endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]]
    assert named == [alarm["AlarmName"] for alarm in alarms.values()]
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}


def test_rollback_alarms_look_at_the_new_configuration_alone_and_are_there_first(
    templates: dict[str, Template],
) -> None:
    serving = templates["serving"]
    (config,) = serving.find_resources("AWS::SageMaker::EndpointConfig")
    (endpoint,) = serving.find_resources("AWS::SageMaker::Endpoint").values()
    for id, alarm in serving.find_resources("AWS::CloudWatch::Alarm").items():
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Properties"]["Dimensions"]}
        assert dimensions["EndpointConfigName"] == {"Fn::GetAtt": [config, "EndpointConfigName"]}
        assert f"{config}.EndpointConfigName" in text(alarm["Properties"]["AlarmName"])
        assert id in endpoint["DependsOn"]


def test_without_a_limit_latency_takes_nothing_back(synthesize: Synthesize) -> None:
    assert "ModelLatency" not in rollback_alarms(synthesize(endpoint_rollback_p99_ms=0))


def test_no_call_is_captured_unless_asked_for(templates: dict[str, Template], synthesize: Synthesize) -> None:
    assert "DataCaptureConfig" not in only(templates["serving"], "AWS::SageMaker::EndpointConfig")
    capture = only(synthesize(endpoint_data_capture_percent=5)["serving"], "AWS::SageMaker::EndpointConfig")
    config = capture["DataCaptureConfig"]
    assert text(config["DestinationS3Uri"]).endswith("/capture")
    assert config["InitialSamplingPercentage"] == 5
    assert "KmsKeyId" in config
