"""A DeploymentConfig as plain data: how many new instances take calls, and for how long each step is watched.

Source: "Blue/green deployments" and "Auto-rollback configuration and monitoring", SageMaker developer guide;
TrafficRoutingConfig, SageMaker API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.service import ApiError

_LEAST_SHARE = {"CanarySize": 0.0, "LinearStepSize": 0.1}
_MOST_SHARE = 0.5


@dataclass(frozen=True)
class Step:
    """`green` of the new instances take calls, for at least `seconds`."""

    green: int
    seconds: int


@dataclass(frozen=True)
class Deployment:
    """How one update goes: the steps in order, then the wait before the old fleet ends; all in seconds of AWS.

    `alarms` are the names of the alarms that take all calls back to the old fleet.
    """

    steps: tuple[Step, ...]
    termination_wait: int = 0
    limit: int | None = None
    alarms: tuple[str, ...] = ()

    @classmethod
    def plan(cls, config: Mapping[str, Any] | None, instances: int) -> "Deployment":
        """The deployment that `config`, a DeploymentConfig, asks for with a new fleet of `instances`.

        Raises:
            ApiError: SageMaker would refuse it for a fleet of this size, or local AWS has no such policy.
        """
        config = config or {}
        if "RollingUpdatePolicy" in config:
            raise _refused("local AWS has no RollingUpdatePolicy; take a BlueGreenUpdatePolicy")
        policy = config.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
        deployment = cls(
            steps=tuple(Step(green, routing["WaitIntervalInSeconds"]) for green in _greens(routing, instances)),
            termination_wait=policy.get("TerminationWaitInSeconds", 0),
            limit=policy.get("MaximumExecutionTimeoutInSeconds"),
            alarms=tuple(a["AlarmName"] for a in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])),
        )
        if deployment.limit is not None and deployment.limit <= deployment.waiting:
            raise _refused(
                f"MaximumExecutionTimeoutInSeconds is {deployment.limit}, and the waits alone take "
                f"{deployment.waiting} seconds"
            )
        return deployment

    @property
    def waiting(self) -> int:
        return sum(step.seconds for step in self.steps) + self.termination_wait


def _greens(routing: Mapping[str, Any], instances: int) -> list[int]:
    """How many new instances take calls in each step."""
    if routing["Type"] == "CANARY":
        return [_size(routing, "CanarySize", instances), instances]
    if routing["Type"] == "LINEAR":
        step = _size(routing, "LinearStepSize", instances)
        return [*range(step, instances, step), instances]
    return [instances]


def _size(routing: Mapping[str, Any], name: str, instances: int) -> int:
    """A capacity as a number of instances: of a percentage whole instances only, and at least one."""
    if name not in routing:
        raise _refused(f"{routing['Type']} traffic routing needs {name}")
    size = routing[name]
    percent = size["Type"] == "CAPACITY_PERCENT"
    number = max(1, size["Value"] * instances // 100) if percent else size["Value"]
    if not _LEAST_SHARE[name] <= number / instances <= _MOST_SHARE:
        given = f"{size['Value']} {'percent' if percent else 'instances'}"
        raise _refused(
            f"{name} of {given} is {number} of {instances} instances; it must be at most half of them"
            + (", and at least a tenth" if _LEAST_SHARE[name] else "")
        )
    return int(number)


def _refused(message: str) -> ApiError:
    return ApiError("ValidationException", message)
