"""A DeploymentConfig becomes steps as SageMaker's guide describes: canary, linear, all at once, and refusals."""

from typing import Any

import pytest

from local_aws.sagemaker.deployment import DeploymentPlan, Step
from local_aws.service import ApiError


def config(type_: str, seconds: int = 300, **routing: Any) -> dict[str, Any]:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": type_, "WaitIntervalInSeconds": seconds, **routing},
            "TerminationWaitInSeconds": 60,
            "MaximumExecutionTimeoutInSeconds": 7200,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]},
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def greens(deployment: DeploymentPlan) -> list[int]:
    return [step.green for step in deployment.steps]


def test_without_a_configuration_everything_moves_at_once_and_unwatched() -> None:
    assert DeploymentPlan.plan(None, 3) == DeploymentPlan(steps=(Step(green=3, seconds=0),))


def test_all_at_once_is_one_step_that_is_watched() -> None:
    plan = DeploymentPlan.plan(config("ALL_AT_ONCE"), 3)
    assert plan.steps == (Step(3, 300),)
    assert (plan.termination_wait, plan.limit, plan.alarms) == (60, 7200, ("errors", "latency"))


@pytest.mark.parametrize(("size", "instances", "canary"), [(50, 2, 1), (10, 2, 1), (10, 20, 2), (50, 5, 2), (34, 3, 1)])
def test_a_canary_is_whole_instances_and_at_least_one(size: int, instances: int, canary: int) -> None:
    assert greens(DeploymentPlan.plan(config("CANARY", CanarySize=percent(size)), instances)) == [canary, instances]


def test_a_canary_can_be_a_number_of_instances() -> None:
    size = {"Type": "INSTANCE_COUNT", "Value": 2}
    assert greens(DeploymentPlan.plan(config("CANARY", CanarySize=size), 8)) == [2, 8]


@pytest.mark.parametrize(
    ("size", "instances", "steps"), [(25, 4, [1, 2, 3, 4]), (33, 3, [1, 2, 3]), (50, 5, [2, 4, 5]), (10, 2, [1, 2])]
)
def test_linear_steps_add_up_to_the_fleet(size: int, instances: int, steps: list[int]) -> None:
    assert greens(DeploymentPlan.plan(config("LINEAR", LinearStepSize=percent(size)), instances)) == steps


@pytest.mark.parametrize(
    ("type_", "routing", "instances", "reason"),
    [
        ("CANARY", {"CanarySize": percent(10)}, 1, "at most half"),
        ("CANARY", {"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 2}}, 3, "at most half"),
        ("CANARY", {}, 4, "needs CanarySize"),
        ("LINEAR", {"LinearStepSize": percent(51)}, 100, "at most half"),
        ("LINEAR", {"LinearStepSize": percent(9)}, 100, "at least a tenth"),
        ("ALL_AT_ONCE", {"seconds": 3600 * 2}, 1, "the waits alone"),
    ],
)
def test_what_sagemaker_refuses_is_refused(type_: str, routing: dict[str, Any], instances: int, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        DeploymentPlan.plan(config(type_, **routing), instances)


def test_a_policy_that_is_lacking_is_refused_by_name() -> None:
    with pytest.raises(ApiError, match="RollingUpdatePolicy"):
        DeploymentPlan.plan({"RollingUpdatePolicy": {}}, 4)
