"""The endpoint is replaced where it must be, updated where it can be, isolated, and scaled."""

from aws_cdk.assertions import Match, Template

from stacks.names import endpoint_name
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import only, text


def test_the_model_runs_without_a_network(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties("AWS::SageMaker::Model", {"EnableNetworkIsolation": True})


def test_the_adapter_speaks_to_the_one_port_that_the_replica_listens_on(templates: dict[str, Template]) -> None:
    environment = only(templates["serving"], "AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    first, end = (int(environment[f"RAY_SERVE_DIRECT_INGRESS_{edge}_HTTP_PORT"]) for edge in ("MIN", "MAX"))
    assert list(range(first, end)) == [first]  # as Ray Serve counts them
    assert environment["RAYSERVE_BACKEND_URL"] == f"http://127.0.0.1:{first}"
    assert first not in (8000, 8080)  # Ray Serve's proxy, the adapter


def test_what_cannot_be_changed_has_no_name(templates: dict[str, Template]) -> None:
    assert "ModelName" not in only(templates["serving"], "AWS::SageMaker::Model")
    assert "EndpointConfigName" not in only(templates["serving"], "AWS::SageMaker::EndpointConfig")


def test_a_deploy_keeps_the_auto_scaled_number_of_instances(templates: dict[str, Template]) -> None:
    templates["serving"].has_resource_properties("AWS::SageMaker::Endpoint", {"RetainAllVariantProperties": True})


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


def test_the_image_follows_the_hardware(templates: dict[str, Template], gpu_fleet: dict[str, Template]) -> None:
    images = [
        text(only(stacks["serving"], "AWS::SageMaker::Model")["PrimaryContainer"]["Image"])
        for stacks in (templates, gpu_fleet)
    ]
    registry = "763104351884.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
    assert images == [
        f"{registry}/ray:serve-ml-sagemaker-cpu-v1.5",
        f"{registry}/ray:serve-ml-sagemaker-cuda-v1.5",
    ]


def test_the_disk_is_encrypted_with_the_systems_key_where_it_can_be(
    templates: dict[str, Template], gpu_fleet: dict[str, Template]
) -> None:
    assert "KmsKeyId" in only(templates["serving"], "AWS::SageMaker::EndpointConfig")
    assert "KmsKeyId" not in only(gpu_fleet["serving"], "AWS::SageMaker::EndpointConfig")


def test_instances_follow_the_requests_in_flight(templates: dict[str, Template]) -> None:
    serving = templates["serving"]
    name = only(serving, "AWS::SageMaker::Endpoint")["EndpointName"]
    serving.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {
            "ResourceId": f"endpoint/{name}/variant/live",
            "MinCapacity": 1,
            "MaxCapacity": 3,
            "RoleARN": Match.any_value(),
        },
    )
    metric = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    serving.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        {
            "TargetTrackingScalingPolicyConfiguration": {
                "PredefinedMetricSpecification": metric,
                "TargetValue": 4,
                "ScaleInCooldown": 300,
                "ScaleOutCooldown": 30,
            }
        },
    )


def test_scaling_starts_after_the_endpoint_and_with_awss_own_role(templates: dict[str, Template]) -> None:
    serving = templates["serving"]
    (target,) = serving.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
    (endpoint,) = serving.find_resources("AWS::SageMaker::Endpoint")
    assert target["DependsOn"] == [endpoint]
    assert "/aws-service-role/sagemaker.application-autoscaling" in text(target["Properties"]["RoleARN"])
