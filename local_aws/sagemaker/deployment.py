"""Plan of a blue/green deployment from its DeploymentConfig: instances and baking time of each step.

Source: "Blue/green deployments" and "Auto-rollback configuration and monitoring", SageMaker developer guide;
TrafficRoutingConfig, SageMaker API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.service import invalid

_MIN_SHARE = {"CanarySize": 0.0, "LinearStepSize": 0.1}
_MAX_SHARE = 0.5


@dataclass(frozen=True)
class Step:
    """One step of a traffic shift: `green` new instances receive calls, for at least `seconds`."""

    green: int
    seconds: int


@dataclass(frozen=True)
class DeploymentPlan:
    """Plan of one endpoint update; all times in AWS seconds.

    Attributes:
        steps: traffic shift, in order.
        termination_wait: wait before the old fleet ends.
        limit: timeout of the whole deployment; None without one.
        alarms: names of the alarms that roll the deployment back.
    """

    steps: tuple[Step, ...]
    termination_wait: int = 0
    limit: int | None = None
    alarms: tuple[str, ...] = ()

    @classmethod
    def plan(cls, config: Mapping[str, Any] | None, instances: int) -> "DeploymentPlan":
        """Plan the DeploymentConfig `config` for a new fleet of `instances`.

        Raises:
            ApiError: SageMaker refuses it for a fleet of this size, or local AWS does not support the policy.
        """
        config = config or {}
        if "RollingUpdatePolicy" in config:
            raise invalid("local AWS does not support RollingUpdatePolicy; use a BlueGreenUpdatePolicy")
        policy = config.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
        deployment = cls(
            steps=tuple(Step(green, routing["WaitIntervalInSeconds"]) for green in _greens(routing, instances)),
            termination_wait=policy.get("TerminationWaitInSeconds", 0),
            limit=policy.get("MaximumExecutionTimeoutInSeconds"),
            alarms=tuple(a["AlarmName"] for a in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])),
        )
        if deployment.limit is not None and deployment.limit <= deployment.waiting:
            raise invalid(
                f"MaximumExecutionTimeoutInSeconds is {deployment.limit}, and the waits alone take "
                f"{deployment.waiting} seconds"
            )
        return deployment

    @property
    def waiting(self) -> int:
        return sum(step.seconds for step in self.steps) + self.termination_wait


def _greens(routing: Mapping[str, Any], instances: int) -> list[int]:
    """Number of new instances that receive calls in each step."""
    if routing["Type"] == "CANARY":
        return [_size(routing, "CanarySize", instances), instances]
    if routing["Type"] == "LINEAR":
        step = _size(routing, "LinearStepSize", instances)
        return [*range(step, instances, step), instances]
    return [instances]


def _size(routing: Mapping[str, Any], name: str, instances: int) -> int:
    """Step size as a number of instances: a percentage is rounded down, to at least one.

    Raises:
        ApiError: the size is missing, or outside of SageMaker's limits for a fleet of `instances`.
    """
    if name not in routing:
        raise invalid(f"{routing['Type']} traffic routing needs {name}")
    size = routing[name]
    percent = size["Type"] == "CAPACITY_PERCENT"
    number = max(1, size["Value"] * instances // 100) if percent else size["Value"]
    if not _MIN_SHARE[name] <= number / instances <= _MAX_SHARE:
        given = f"{size['Value']} {'percent' if percent else 'instances'}"
        raise invalid(
            f"{name} of {given} is {number} of {instances} instances; it must be at most half of them"
            + (", and at least a tenth" if _MIN_SHARE[name] else "")
        )
    return int(number)
