"""Evaluates scheduled actions, capacity limits and scaling policies, and changes capacities.

AWS does this under its service-linked role, so no role of the account is authorised or recorded.
"""

from typing import Any

from local_aws.clock import aws_seconds
from local_aws.scaling.policies import ScalingPolicy
from local_aws.scaling.targets import Key, ScalableTarget, activities_of, targets
from local_aws.service import ApiError

_RETRY_SECONDS = 60.0


def evaluate(moment: float) -> None:
    """Evaluate every scalable target once, at `moment` (epoch seconds)."""
    for key, target in list(targets.items()):
        try:
            target.dimension.observe()
            _run_scheduled(key, target, moment)
            if not target.dimension.changing():
                _finish(key, target, moment)
                if aws_seconds(moment) >= target.not_before:
                    _scale(key, target, moment)
        except ApiError as error:
            if activities_of(key).wanted is not None:  # the resource was deleted during the activity
                activities_of(key).end(failure=str(error))


def _run_scheduled(key: Key, target: ScalableTarget, moment: float) -> None:
    for action in list(target.scheduled.values()):
        if not action.due(moment) or target.suspended("ScheduledScalingSuspended"):
            continue
        minimum, maximum = action.limits(target.minimum, target.maximum)
        cause = f"scheduled action name {action.described['ScheduledActionName']} was triggered"
        failure = None
        try:
            target.set_limits(minimum, maximum)
        except ApiError as error:
            failure = str(error)
        what = f"min capacity to {minimum} and max capacity to {maximum}"
        activities_of(key).note(_place(target), what, cause, failure)


def _finish(key: Key, target: ScalableTarget, moment: float) -> None:
    """End the activity in progress when the resource has stopped changing."""
    activities = activities_of(key)
    if activities.wanted is None:
        return
    reached = target.dimension.capacity() == activities.wanted
    failure = None if reached else target.dimension.failure() or "the capacity was changed from outside"
    activities.end(failure=failure)
    if failure:
        target.not_before = aws_seconds(moment) + _RETRY_SECONDS
    for policy in target.policies.values():
        policy.tracking.completed(aws_seconds(moment), succeeded=reached)


def _scale(key: Key, target: ScalableTarget, moment: float) -> None:
    current = target.dimension.capacity()
    wanted, cause, policies = _wanted(target, current, moment)
    if wanted == current:
        return
    activities = activities_of(key)
    activities.begin(_place(target), target.dimension.quantity, cause, wanted)
    try:
        target.dimension.set(wanted)
    except ApiError as error:  # such as a quota
        activities.end(failure=str(error))
        target.not_before = aws_seconds(moment) + _RETRY_SECONDS
        return
    for policy in policies:
        policy.tracking.started(aws_seconds(moment), current, wanted)


def _wanted(target: ScalableTarget, current: int, moment: float) -> tuple[int, str, list[ScalingPolicy]]:
    """Desired capacity, its cause, and the policies that propose it."""
    if current < target.minimum:
        return target.minimum, f"minimum capacity was set to {target.minimum}", []
    if current > target.maximum:
        return target.maximum, f"maximum capacity was set to {target.maximum}", []
    proposals = [
        (policy.propose(moment, current, target.minimum, target.maximum), policy) for policy in target.policies.values()
    ]
    # Several policies: scale out if any proposes it, in only if all do, always to the largest proposal.
    wanted = max((proposal for proposal, _ in proposals), default=current)
    if target.suspended(f"DynamicScaling{'Out' if wanted > current else 'In'}Suspended"):
        wanted = current
    chosen = [policy for proposal, policy in proposals if proposal == wanted]
    if not chosen or wanted == current:
        return current, "", []
    alarm = chosen[0].high if wanted > current else chosen[0].low
    return wanted, f"monitor alarm {alarm} in state ALARM triggered policy {chosen[0].name}", chosen


def _place(target: ScalableTarget) -> dict[str, Any]:
    return {name: target.described[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
