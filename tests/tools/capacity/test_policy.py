"""The simulated policy is read from the template that AWS gets."""

from dataclasses import replace

import pytest

from aws.schedule import Schedule
from tests.defaults import DEFAULTS
from tests.stacks.conftest import Synthesize, synthesize, templates  # noqa: F401 (fixtures: the synthesized app)
from tools.capacity.policy import Change, SimulatedPolicy, declared
from training.errors import InputError


def test_it_is_what_the_settings_say(templates) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    policy, instance_type = declared(templates["serving"].to_json())
    assert instance_type == DEFAULTS["endpoint_instance_type"]
    assert (policy.metric, policy.target) == ("concurrency", DEFAULTS["endpoint_target_concurrency"])
    assert policy.minimum == DEFAULTS["endpoint_min_instances"]
    assert policy.maximum == DEFAULTS["endpoint_max_instances"]
    assert policy.scale_out_cooldown == DEFAULTS["endpoint_scale_out_seconds"]
    assert policy.scale_in_cooldown == DEFAULTS["endpoint_scale_in_seconds"]


def test_the_settings_of_a_policy_without_a_schedule_take_the_declared_one_away() -> None:
    change = Change(Schedule.parse("cron(0 8 ? * MON-FRI *)"), 2, 6)
    scheduled = SimulatedPolicy("concurrency", 4, 1, 3, scale_out_cooldown=30, scale_in_cooldown=300, changes=(change,))
    plain = replace(scheduled, changes=())
    assert plain.settings(scheduled).endswith("endpoint_target_concurrency=4 endpoint_schedule=")
    assert "endpoint_schedule" not in plain.settings(plain)


def test_another_metric_is_refused_by_name() -> None:
    def resource(type_: str, **properties: object) -> dict[str, object]:
        return {"Type": type_, "Properties": properties}

    tracking = {"PredefinedMetricSpecification": {"PredefinedMetricType": "GPUUtilization"}}
    resources = {
        "t": resource("AWS::ApplicationAutoScaling::ScalableTarget", ServiceNamespace="sagemaker"),
        "p": resource(
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            ScalingTargetId={"Ref": "t"},
            TargetTrackingScalingPolicyConfiguration=tracking,
        ),
        "c": resource("AWS::SageMaker::EndpointConfig"),
    }
    with pytest.raises(InputError, match="GPUUtilization"):
        declared({"Resources": resources})
