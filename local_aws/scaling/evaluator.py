"""Application Auto Scaling at work: scheduled actions, limits and policies, and the changes they bring about.

What it does is AWS's own doing, under the service-linked role: no role of the account is asked, none is recorded.
"""

from typing import Any

from local_aws.clock import aws_seconds
from local_aws.scaling.policies import Policy
from local_aws.scaling.targets import Key, Target, activities_of, targets
from local_aws.service import ApiError

_RETRY_SECONDS = 60.0


def evaluate(moment: float) -> None:
    """Bring every scalable target nearer to what it should be at `moment` (epoch seconds)."""
    for key, target in list(targets.items()):
        try:
            target.dimension.observe()
            _run_scheduled(key, target, moment)
            if not target.dimension.changing():
                _finish(key, target, moment)
                if aws_seconds(moment) >= target.not_before:
                    _scale(key, target, moment)
        except ApiError as error:
            if activities_of(key).wanted is not None:  # what it was changing is gone
                activities_of(key).end(failure=str(error))


def _run_scheduled(key: Key, target: Target, moment: float) -> None:
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


def _finish(key: Key, target: Target, moment: float) -> None:
    """End the activity whose change is over."""
    activities = activities_of(key)
    if activities.wanted is None:
        return
    reached = target.dimension.capacity() == activities.wanted
    failure = None if reached else target.dimension.failure() or "the capacity was changed by somebody else"
    activities.end(failure=failure)
    if failure:
        target.not_before = aws_seconds(moment) + _RETRY_SECONDS
    for policy in target.policies.values():
        policy.tracking.completed(aws_seconds(moment), succeeded=reached)


def _scale(key: Key, target: Target, moment: float) -> None:
    current = target.dimension.capacity()
    wanted, cause, policies = _wanted(target, current, moment)
    if wanted == current:
        return
    target.dimension.set(wanted)
    for policy in policies:
        policy.tracking.started(aws_seconds(moment), current, wanted)
    activities_of(key).begin(_place(target), target.dimension.quantity, cause, wanted)


def _wanted(target: Target, current: int, moment: float) -> tuple[int, str, list[Policy]]:
    """The capacity to have, why, and the policies that say so."""
    if current < target.minimum:
        return target.minimum, f"minimum capacity was set to {target.minimum}", []
    if current > target.maximum:
        return target.maximum, f"maximum capacity was set to {target.maximum}", []
    proposals = [
        (policy.propose(moment, current, target.minimum, target.maximum), policy) for policy in target.policies.values()
    ]
    # Several policies: out when any says so, in when all do, always to the largest capacity.
    wanted = max((proposal for proposal, _ in proposals), default=current)
    if target.suspended(f"DynamicScaling{'Out' if wanted > current else 'In'}Suspended"):
        wanted = current
    chosen = [policy for proposal, policy in proposals if proposal == wanted]
    if not chosen or wanted == current:
        return current, "", []
    alarm = chosen[0].high if wanted > current else chosen[0].low
    return wanted, f"monitor alarm {alarm} in state ALARM triggered policy {chosen[0].name}", chosen


def _place(target: Target) -> dict[str, Any]:
    return {name: target.described[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
