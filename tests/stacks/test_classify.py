"""The function that callers use: warm where they call it, bounded, and knowing only what it needs."""

import json

import pytest
from aws_cdk.assertions import Match, Template

from tests.stacks.conftest import Synthesize
from tests.stacks.resources import of_type, only, roles, scaling, text


def test_callers_use_a_warm_alias(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties(
        "AWS::Lambda::Alias",
        {"Name": "live", "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}},
    )
    version = only(templates["serving"], "AWS::Lambda::Version")
    assert "ProvisionedConcurrencyConfig" not in version


def test_only_identities_that_iam_allows_may_call_it(templates: dict[str, Template]) -> None:
    for kind in ("AWS::Lambda::Permission", "AWS::Lambda::Url"):
        templates["serving"].resource_count_is(kind, 0)


def test_concurrency_is_reserved(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties("AWS::Lambda::Function", {"ReservedConcurrentExecutions": 10})


def test_zero_means_no_concurrency_is_kept_or_reserved(gpu_fleet: dict[str, Template]) -> None:
    assert "ReservedConcurrentExecutions" not in only(gpu_fleet["serving"], "AWS::Lambda::Function")
    assert "ProvisionedConcurrencyConfig" not in only(gpu_fleet["serving"], "AWS::Lambda::Alias")


def test_the_function_knows_its_endpoint_and_its_limits(templates: dict[str, Template]) -> None:
    function = only(templates["serving"], "AWS::Lambda::Function")
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")["EndpointName"]
    variables = function["Environment"]["Variables"]
    assert {name: text(value) for name, value in variables.items()} == {
        "ENDPOINT_NAME": endpoint,
        "ENDPOINT_TIMEOUT_SECONDS": "14",
        "MAX_IMAGE_BYTES": str(4 * 2**20),
        "S3_IMAGES": "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}/images/",
        "URL_HOSTS": "*",
        "URL_SUFFIX": "${AWS::URLSuffix}",
    }


def test_warm_instances_follow_the_load(templates: dict[str, Template]) -> None:
    resource, policy = scaling(templates["serving"], "lambda")
    target = resource["Properties"]
    assert target["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"
    assert target["ResourceId"] == "function:slipway-dev-classify:live"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"
    }
    assert tracking["TargetValue"] == 0.7


def test_instances_are_scaled_once_the_alias_is_there(templates: dict[str, Template]) -> None:
    [alias] = templates["serving"].find_resources("AWS::Lambda::Alias")
    target, _ = scaling(templates["serving"], "lambda")
    assert alias in target["DependsOn"]


@pytest.mark.parametrize(
    "settings", [{"lambda_provisioned_concurrency": 0}, {"lambda_max_provisioned_concurrency": 1}], ids=str
)
def test_a_fixed_number_of_warm_instances_is_not_scaled(synthesize: Synthesize, settings: dict[str, int]) -> None:
    targets = of_type(synthesize(**settings)["serving"], "AWS::ApplicationAutoScaling::ScalableTarget")
    assert [target["ServiceNamespace"] for target in targets] == ["sagemaker"]


def test_without_a_folder_for_images_the_function_reads_nothing_in_s3(synthesize: Synthesize) -> None:
    templates = synthesize(s3_images="")
    assert only(templates["serving"], "AWS::Lambda::Function")["Environment"]["Variables"]["S3_IMAGES"] == ""
    policies = json.dumps(roles(templates)["classify"]["Policies"])
    assert "s3:" not in policies
    assert "kms:" not in policies


def test_two_tries_at_the_endpoint_fit_into_the_functions_time(templates: dict[str, Template]) -> None:
    function = only(templates["serving"], "AWS::Lambda::Function")
    assert 2 * int(function["Environment"]["Variables"]["ENDPOINT_TIMEOUT_SECONDS"]) < function["Timeout"]


def test_a_new_endpoint_is_there_before_the_function_moves_to_it(templates: dict[str, Template]) -> None:
    """In one stack, CloudFormation deletes the old endpoint after everything has moved; between two it would not."""
    [endpoint] = templates["serving"].find_resources("AWS::SageMaker::Endpoint")
    for kind in ("AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias"):
        [resource] = templates["serving"].find_resources(kind).values()
        assert endpoint in resource["DependsOn"]


def test_logs_are_json(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties(
        "AWS::Lambda::Function", {"LoggingConfig": Match.object_like({"LogFormat": "JSON"})}
    )


def test_the_outputs_say_what_to_call(templates: dict[str, Template]) -> None:
    outputs = {name: text(output["Value"]) for name, output in templates["serving"].to_json()["Outputs"].items()}
    about_the_endpoint = {"EndpointName", "EndpointConfigName", "ModelDataUrl", "ScoringJob"}
    assert {name: value for name, value in outputs.items() if name not in about_the_endpoint} == {
        "FunctionName": "slipway-dev-classify",
        "AliasName": "live",
        "ProvisionedConcurrency": "1",
        "S3Images": "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}/images/",
    }
