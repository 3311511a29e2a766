"""The scaling policy to simulate, read from the synthesized template that AWS gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aws.schedule import Schedule
from aws.target_tracking import HIGH_RESOLUTION, STANDARD, TargetTracking
from tools.stack import resources
from training.errors import InputError

Metric = Literal["concurrency", "invocations"]

_METRICS: dict[str, Metric] = {
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": "concurrency",
    "SageMakerVariantInvocationsPerInstance": "invocations",
}


@dataclass(frozen=True)
class Change:
    """Scheduled action: at each time of `schedule` the limits become `minimum` to `maximum` instances."""

    schedule: Schedule
    minimum: int
    maximum: int


@dataclass(frozen=True)
class SimulatedPolicy:
    """Target-tracking policy between `minimum` and `maximum` instances; cool-downs in seconds.

    Attributes:
        target: per instance, in requests in flight (`concurrency`) or requests a minute (`invocations`).
        changes: scheduled changes of the limits.
    """

    metric: Metric
    target: float
    minimum: int
    maximum: int
    scale_out_cooldown: float
    scale_in_cooldown: float
    changes: tuple[Change, ...] = ()

    @property
    def period(self) -> float:
        """Seconds between two datapoints of the metric."""
        return HIGH_RESOLUTION if self.metric == "concurrency" else STANDARD

    def settings(self, declared: "SimulatedPolicy") -> str:
        """Value for `make deploy SETTINGS=…` that changes the policy `declared` to this one."""
        dropped = " endpoint_schedule=" if declared.changes and not self.changes else ""
        return (
            f"endpoint_min_instances={self.minimum} endpoint_max_instances={self.maximum} "
            f"endpoint_scaling_metric={self.metric} endpoint_target_{self.metric}={self.target:g}{dropped}"
        )

    def tracking(self) -> TargetTracking:
        return TargetTracking(
            target=self.target,
            minimum=self.minimum,
            maximum=self.maximum,
            scale_out_cooldown=self.scale_out_cooldown,
            scale_in_cooldown=self.scale_in_cooldown,
            metric_period=self.period,
        )


def declared(template: Mapping[str, Any]) -> tuple[SimulatedPolicy, str]:
    """Read the scaling policy and the instance type from the serving stack's template.

    Raises:
        InputError: the policy tracks a metric that the simulator does not model.
    """
    targets = resources(template, "AWS::ApplicationAutoScaling::ScalableTarget")
    [(id, target)] = [(id, each) for id, each in targets.items() if each["ServiceNamespace"] == "sagemaker"]
    policies = resources(template, "AWS::ApplicationAutoScaling::ScalingPolicy").values()
    [policy] = [each for each in policies if each["ScalingTargetId"] == {"Ref": id}]
    [config] = resources(template, "AWS::SageMaker::EndpointConfig").values()
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric not in _METRICS:
        raise InputError(f"the policy tracks {metric}: only {', '.join(_METRICS)} are simulated")
    declared = SimulatedPolicy(
        metric=_METRICS[metric],
        target=float(tracking["TargetValue"]),
        minimum=int(target["MinCapacity"]),
        maximum=int(target["MaxCapacity"]),
        scale_out_cooldown=float(tracking["ScaleOutCooldown"]),
        scale_in_cooldown=float(tracking["ScaleInCooldown"]),
        changes=tuple(_change(action, target) for action in target.get("ScheduledActions", [])),
    )
    return declared, str(config["ProductionVariants"][0]["InstanceType"])


def _change(action: Mapping[str, Any], target: Mapping[str, Any]) -> Change:
    limits = {**target, **action["ScalableTargetAction"]}
    schedule = Schedule.parse(action["Schedule"], action.get("Timezone", "UTC"))
    return Change(schedule, int(limits["MinCapacity"]), int(limits["MaxCapacity"]))
