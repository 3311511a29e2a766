"""Scalable targets: what is scaled, between which limits, and by which policies and scheduled actions."""

from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict

from local_aws.scaling.activities import Activities
from local_aws.scaling.dimensions import ScalableDimension
from local_aws.scaling.policies import Policy
from local_aws.scaling.schedules import ScheduledAction
from local_aws.service import ApiError

Key = tuple[str, str]  # resource id, dimension


@dataclass
class Target:
    """`described` is in DescribeScalableTargets' terms; policies and scheduled actions go by name."""

    described: dict[str, Any]
    dimension: ScalableDimension
    policies: dict[str, Policy] = field(default_factory=dict)
    scheduled: dict[str, ScheduledAction] = field(default_factory=dict)
    not_before: float = 0.0  # in AWS's seconds: what failed is not tried again sooner

    @property
    def minimum(self) -> int:
        return int(self.described["MinCapacity"])

    @property
    def maximum(self) -> int:
        return int(self.described["MaxCapacity"])

    def set_limits(self, minimum: int, maximum: int) -> None:
        """Raises ApiError when they cross."""
        if minimum > maximum:
            raise ApiError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        self.described |= {"MinCapacity": minimum, "MaxCapacity": maximum}

    def suspended(self, what: str) -> bool:
        """`what` is one of SuspendedState's keys."""
        return bool(self.described.get("SuspendedState", {}).get(what, False))


targets: Any = AccountRegionScopedDict()  # Key -> Target
activities: Any = AccountRegionScopedDict()  # Key -> Activities; they outlive their target


def key_of(request: dict[str, Any]) -> Key:
    return request["ResourceId"], request["ScalableDimension"]


def target_of(request: dict[str, Any]) -> Target:
    """The target that a request names. Raises ApiError."""
    target: Target | None = targets.get(key_of(request))
    if target is None:
        raise ApiError("ObjectNotFoundException", f"No scalable target registered for {request['ResourceId']}")
    return target


def activities_of(key: Key) -> Activities:
    if key not in activities:
        activities[key] = Activities()
    found: Activities = activities[key]
    return found


def selected(items: list[dict[str, Any]], request: dict[str, Any], **lists: str) -> list[dict[str, Any]]:
    """Those that a Describe request asks for; `lists` are its list parameters and the key that each selects by."""
    for parameter in ("ServiceNamespace", "ResourceId", "ScalableDimension"):
        if parameter in request:
            items = [item for item in items if item[parameter] == request[parameter]]
    for parameter, key in lists.items():
        if request.get(parameter):
            items = [item for item in items if item[key] in request[parameter]]
    return items
