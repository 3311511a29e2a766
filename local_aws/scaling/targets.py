"""Scalable targets: a dimension with its limits, policies and scheduled actions."""

from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict

from local_aws.scaling.activities import Activities
from local_aws.scaling.dimensions import ScalableDimension
from local_aws.scaling.policies import ScalingPolicy
from local_aws.scaling.schedules import ScheduledAction
from local_aws.service import ApiError, invalid

Key = tuple[str, str]  # resource id, dimension


@dataclass
class ScalableTarget:
    """A registered scalable target; `described` is its entry in DescribeScalableTargets."""

    described: dict[str, Any]
    dimension: ScalableDimension
    policies: dict[str, ScalingPolicy] = field(default_factory=dict)
    scheduled: dict[str, ScheduledAction] = field(default_factory=dict)
    not_before: float = 0.0  # AWS seconds; earliest retry after a failed activity

    @property
    def minimum(self) -> int:
        return int(self.described["MinCapacity"])

    @property
    def maximum(self) -> int:
        return int(self.described["MaxCapacity"])

    def set_limits(self, minimum: int, maximum: int) -> None:
        """Set the limits.

        Raises:
            ApiError: `minimum` is greater than `maximum`.
        """
        if minimum > maximum:
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        self.described |= {"MinCapacity": minimum, "MaxCapacity": maximum}

    def suspended(self, what: str) -> bool:
        """True if the kind of scaling `what`, a key of SuspendedState, is suspended."""
        return bool(self.described.get("SuspendedState", {}).get(what, False))


targets: Any = AccountRegionScopedDict()  # Key -> ScalableTarget
activities: Any = AccountRegionScopedDict()  # Key -> Activities; kept when the target is deregistered


def key_of(request: dict[str, Any]) -> Key:
    return request["ResourceId"], request["ScalableDimension"]


def target_of(request: dict[str, Any]) -> ScalableTarget:
    """Scalable target that a request names.

    Raises:
        ApiError: the target is not registered.
    """
    target: ScalableTarget | None = targets.get(key_of(request))
    if target is None:
        raise ApiError("ObjectNotFoundException", f"No scalable target registered for {request['ResourceId']}")
    return target


def activities_of(key: Key) -> Activities:
    if key not in activities:
        activities[key] = Activities()
    found: Activities = activities[key]
    return found


def selected(items: list[dict[str, Any]], request: dict[str, Any], **lists: str) -> list[dict[str, Any]]:
    """Filter items by a Describe request; `lists` maps its list parameters to the key of an item that each filters."""
    for parameter in ("ServiceNamespace", "ResourceId", "ScalableDimension"):
        if parameter in request:
            items = [item for item in items if item[parameter] == request[parameter]]
    for parameter, key in lists.items():
        if request.get(parameter):
            items = [item for item in items if item[key] in request[parameter]]
    return items
