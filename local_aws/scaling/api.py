"""Control plane of Application Auto Scaling: scalable targets, policies, scheduled actions, activities."""

import secrets
from typing import Any

from ministack.core.responses import get_account_id, get_region

from aws.scaling_permissions import validated
from local_aws.iam import service_linked_roles
from local_aws.iam.authorization import caller, require
from local_aws.scaling import dimensions as scaling_dimensions
from local_aws.scaling.policies import ScalingPolicy
from local_aws.scaling.schedules import ScheduledAction
from local_aws.scaling.targets import ScalableTarget, activities, key_of, selected, target_of, targets
from local_aws.service import ApiError, Operation, Response, dispatch, invalid, now, parameter

SERVICE = "application-autoscaling"


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    return dispatch(SERVICE, OPERATIONS, headers, body)


def resource_arn(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    return parameter(body, "ResourceARN") or f"arn:aws:{SERVICE}:{region}:{account}:scalable-target/*"


def require_validated(namespace: str) -> None:
    """Require that the caller has the permissions that a target of this namespace asks for.

    Raises:
        ApiError: the caller lacks one.
    """
    for action, resource in validated(namespace, get_region(), get_account_id()).items():
        require(caller.get(), action, resource)


def register_target(request: dict[str, Any]) -> dict[str, Any]:
    """RegisterScalableTarget: on an existing target, omitted parameters keep their values."""
    require_validated(request["ServiceNamespace"])
    dimension = scaling_dimensions.find(request)
    known = targets.get(key_of(request))
    described = known.described if known else {"ScalableTargetARN": _new_arn(), "CreationTime": now()}
    described = {"SuspendedState": {}} | described | {k: v for k, v in request.items() if k != "Tags"}
    missing = [name for name in ("MinCapacity", "MaxCapacity") if name not in described]
    if missing:
        raise invalid(f"a new scalable target needs {' and '.join(missing)}")
    service_linked_roles.ensure(request["ServiceNamespace"])
    target = ScalableTarget(described, dimension)
    target.set_limits(target.minimum, target.maximum)
    if known:
        known.described = described
    else:
        targets[key_of(request)] = target
    return {"ScalableTargetARN": described["ScalableTargetARN"]}


def deregister_target(request: dict[str, Any]) -> None:
    """DeregisterScalableTarget: deletes policies and scheduled actions too; an activity in progress still ends."""
    for policy in target_of(request).policies.values():
        policy.delete()
    del targets[key_of(request)]


def put_policy(request: dict[str, Any]) -> dict[str, Any]:
    scaling_dimensions.find(request)
    target = target_of(request)
    policy = ScalingPolicy(request, target.dimension, target.policies.get(request["PolicyName"]))
    target.policies[policy.name] = policy
    return {"PolicyARN": policy.described["PolicyARN"], "Alarms": policy.described["Alarms"]}


def delete_policy(request: dict[str, Any]) -> None:
    policies = target_of(request).policies
    if request["PolicyName"] not in policies:
        raise ApiError("ObjectNotFoundException", f"No scaling policy named {request['PolicyName']}")
    policies.pop(request["PolicyName"]).delete()


def put_scheduled_action(request: dict[str, Any]) -> None:
    scaling_dimensions.find(request)
    scheduled = target_of(request).scheduled
    name = request["ScheduledActionName"]
    scheduled[name] = ScheduledAction(request, scheduled.get(name))


def delete_scheduled_action(request: dict[str, Any]) -> None:
    scheduled = target_of(request).scheduled
    if request["ScheduledActionName"] not in scheduled:
        raise ApiError("ObjectNotFoundException", f"No scheduled action named {request['ScheduledActionName']}")
    del scheduled[request["ScheduledActionName"]]


def describe_targets(request: dict[str, Any]) -> dict[str, Any]:
    found = [target.described for target in targets.values()]
    return {"ScalableTargets": selected(found, request, ResourceIds="ResourceId")}


def describe_policies(request: dict[str, Any]) -> dict[str, Any]:
    found = [policy.described for target in targets.values() for policy in target.policies.values()]
    return {"ScalingPolicies": selected(found, request, PolicyNames="PolicyName")}


def describe_scheduled_actions(request: dict[str, Any]) -> dict[str, Any]:
    found = [action.described for target in targets.values() for action in target.scheduled.values()]
    return {"ScheduledActions": selected(found, request, ScheduledActionNames="ScheduledActionName")}


def describe_activities(request: dict[str, Any]) -> dict[str, Any]:
    found = [activity for one in activities.values() for activity in one.all]
    return {"ScalingActivities": selected(found, request)}


OPERATIONS: dict[str, Operation] = {
    "RegisterScalableTarget": register_target,
    "DeregisterScalableTarget": deregister_target,
    "DescribeScalableTargets": describe_targets,
    "PutScalingPolicy": put_policy,
    "DeleteScalingPolicy": delete_policy,
    "DescribeScalingPolicies": describe_policies,
    "DescribeScalingActivities": describe_activities,
    "PutScheduledAction": put_scheduled_action,
    "DeleteScheduledAction": delete_scheduled_action,
    "DescribeScheduledActions": describe_scheduled_actions,
}


def _new_arn() -> str:
    return f"arn:aws:{SERVICE}:{get_region()}:{get_account_id()}:scalable-target/{secrets.token_hex(14)}"
