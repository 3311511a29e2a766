"""Instances follow the load that the settings name, within limits that may follow the clock."""

from aws_cdk.assertions import Match, Template

from tests.stacks.conftest import Synthesize
from tests.stacks.resources import only, scaling, text

TARGET, POLICY = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"


def test_instances_follow_the_requests_in_flight(templates: dict[str, Template]) -> None:
    serving = templates["serving"]
    name = only(serving, "AWS::SageMaker::Endpoint")["EndpointName"]
    serving.has_resource_properties(
        TARGET,
        {
            "ResourceId": f"endpoint/{name}/variant/live",
            "MinCapacity": 1,
            "MaxCapacity": 3,
            "RoleARN": Match.any_value(),
            "ScheduledActions": Match.absent(),
        },
    )
    metric = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    serving.has_resource_properties(
        POLICY,
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
    target, _ = scaling(serving, "sagemaker")
    (endpoint,) = serving.find_resources("AWS::SageMaker::Endpoint")
    assert target["DependsOn"] == [endpoint]
    assert "/aws-service-role/sagemaker.application-autoscaling" in text(target["Properties"]["RoleARN"])


def test_by_settings_they_follow_invocations_and_the_clock(
    templates: dict[str, Template], synthesize: Synthesize
) -> None:
    serving = synthesize(
        endpoint_scaling_metric="invocations",
        endpoint_target_invocations=900,
        endpoint_schedule="cron(0 8 ? * MON-FRI *)=2..6; cron(0 20 ? * MON-FRI *)=1..3",
        endpoint_schedule_timezone="Europe/Zurich",
    )["serving"]

    target, policy = scaling(serving, "sagemaker")
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracked["TargetValue"] == 900
    assert tracked["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }
    # Another metric is another policy: CloudFormation makes it before it removes the old one.
    _, before = scaling(templates["serving"], "sagemaker")
    assert policy["PolicyName"] != before["PolicyName"]
    assert target["Properties"]["ScheduledActions"] == [
        {
            "ScheduledActionName": f"limits-{number}",
            "Schedule": schedule,
            "Timezone": "Europe/Zurich",
            "ScalableTargetAction": {"MinCapacity": minimum, "MaxCapacity": maximum},
        }
        for number, schedule, minimum, maximum in (
            (1, "cron(0 8 ? * MON-FRI *)", 2, 6),
            (2, "cron(0 20 ? * MON-FRI *)", 1, 3),
        )
    ]
