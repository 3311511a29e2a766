"""Application Auto Scaling's control plane: scalable targets and policies of SageMaker variants."""

import json
import secrets
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from local_aws.resource_type import Identity, ResourceType
from local_aws.sagemaker.api import endpoints
from local_aws.service import ApiError, Operation, Response, dispatch, now

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_SERVICE = "application-autoscaling"

_targets: Any = AccountRegionScopedDict()  # (resource id, dimension) -> scalable target
_policies: Any = AccountRegionScopedDict()  # (policy name, resource id, dimension) -> policy


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    return dispatch(_SERVICE, OPERATIONS, headers, body)


def resource_arn(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    request = json.loads(body or b"{}")
    return request.get("ResourceARN", f"arn:aws:{_SERVICE}:{region}:{account}:scalable-target/*")


def register_target(request: dict[str, Any]) -> dict[str, Any]:
    """RegisterScalableTarget: what is not given keeps its value on an existing target."""
    _require_sagemaker(request)
    _require_variant(request["ResourceId"])
    key = _target_key(request)
    known = _targets.get(key) or {
        "ScalableTargetARN": f"{_arn_prefix()}:scalable-target/{secrets.token_hex(14)}",
        "CreationTime": now(),
        "SuspendedState": {},
    }
    target = {**known, **{k: v for k, v in request.items() if k != "Tags"}}
    missing = [name for name in ("MinCapacity", "MaxCapacity") if name not in target]
    if missing:
        raise ApiError("ValidationException", f"a new scalable target needs {' and '.join(missing)}")
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise ApiError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    _targets[key] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def deregister_target(request: dict[str, Any]) -> None:
    if _target_key(request) not in _targets:
        raise ApiError("ObjectNotFoundException", f"No scalable target registered for {request['ResourceId']}")
    del _targets[_target_key(request)]
    for key in [key for key in _policies if key[1:] == _target_key(request)]:
        del _policies[key]


def put_policy(request: dict[str, Any]) -> dict[str, Any]:
    _require_sagemaker(request)
    if _target_key(request) not in _targets:
        raise ApiError("ObjectNotFoundException", f"No scalable target registered for {request['ResourceId']}")
    key = (request["PolicyName"], *_target_key(request))
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{secrets.token_hex(16)}:resource/"
        f"sagemaker/{request['ResourceId']}:policyName/{request['PolicyName']}"
    )
    known = _policies.get(key) or {"PolicyARN": arn, "CreationTime": now(), "Alarms": []}
    _policies[key] = {**known, **request}
    return {"PolicyARN": _policies[key]["PolicyARN"], "Alarms": []}


def delete_policy(request: dict[str, Any]) -> None:
    key = (request["PolicyName"], *_target_key(request))
    if key not in _policies:
        raise ApiError("ObjectNotFoundException", f"No scaling policy named {request['PolicyName']}")
    del _policies[key]


def describe_targets(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("ResourceIds")
    return {"ScalableTargets": [t for t in _targets.values() if not wanted or t["ResourceId"] in wanted]}


def describe_policies(request: dict[str, Any]) -> dict[str, Any]:
    names, resource = request.get("PolicyNames"), request.get("ResourceId")
    return {
        "ScalingPolicies": [
            policy
            for policy in _policies.values()
            if (not names or policy["PolicyName"] in names) and resource in (None, policy["ResourceId"])
        ]
    }


OPERATIONS: dict[str, Operation] = {
    "RegisterScalableTarget": register_target,
    "DeregisterScalableTarget": deregister_target,
    "DescribeScalableTargets": describe_targets,
    "PutScalingPolicy": put_policy,
    "DeleteScalingPolicy": delete_policy,
    "DescribeScalingPolicies": describe_policies,
}


def _require_sagemaker(request: dict[str, Any]) -> None:
    if request["ServiceNamespace"] != "sagemaker" or request["ScalableDimension"] != _DIMENSION:
        raise ApiError(
            "ValidationException",
            f"local AWS scales sagemaker's {_DIMENSION} only, not "
            f"{request['ServiceNamespace']}'s {request['ScalableDimension']}",
        )


def _require_variant(resource_id: str) -> None:
    parts = resource_id.split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
        raise ApiError("ValidationException", f"Unsupported resource id: {resource_id}")
    if endpoints.get(parts[1]).variant_name != parts[3]:
        raise ApiError("ValidationException", f"No variant {parts[3]!r} on endpoint {parts[1]!r}")


def _target_key(request: dict[str, Any]) -> tuple[str, str]:
    return request["ResourceId"], request["ScalableDimension"]


def _arn_prefix() -> str:
    return f"arn:aws:{_SERVICE}:{get_region()}:{get_account_id()}"


# ---------------------------------------------------------------------- CloudFormation


def _with_tag_map(properties: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's tags are a list, this API's a map."""
    return {**properties, "Tags": {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}}


def _create_target(request: dict[str, Any]) -> Identity:
    arn = register_target(request)["ScalableTargetARN"]
    return f"{request['ResourceId']}|{_DIMENSION}|sagemaker", {
        "Id": f"{request['ResourceId']}|{_DIMENSION}|sagemaker",
        "ScalableTargetARN": arn,
    }


def _delete_target(physical_id: str, properties: dict[str, Any]) -> None:
    resource, dimension, _ = physical_id.split("|")
    _ignore_missing(deregister_target, {"ResourceId": resource, "ScalableDimension": dimension})


def _with_target(properties: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation may name a policy's target by the target's id instead of its three parts."""
    rest = dict(properties)
    if target := rest.pop("ScalingTargetId", None):
        resource, dimension, namespace = target.split("|")
        rest |= {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    return rest


def _create_policy(request: dict[str, Any]) -> Identity:
    arn = put_policy(request)["PolicyARN"]
    return arn, {"Arn": arn, "PolicyName": request["PolicyName"]}


def _delete_policy(physical_id: str, properties: dict[str, Any]) -> None:
    for key, policy in list(_policies.items()):
        if policy["PolicyARN"] == physical_id:
            del _policies[key]


def _ignore_missing(operation: Any, request: dict[str, Any]) -> None:
    try:
        operation(request)
    except ApiError as error:
        if error.code != "ObjectNotFoundException":
            raise


_PLACE = ("ResourceId", "ScalableDimension", "ServiceNamespace")

TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        service=_SERVICE,
        operation="RegisterScalableTarget",
        name_property="ResourceId",
        create=_create_target,
        update=lambda physical_id, request: _create_target(request),
        delete=_delete_target,
        replacing=_PLACE,
        translate=_with_tag_map,
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        service=_SERVICE,
        operation="PutScalingPolicy",
        name_property="PolicyName",
        create=_create_policy,
        update=lambda physical_id, request: _create_policy(request),
        delete=_delete_policy,
        replacing=("PolicyName", *_PLACE, "ScalingTargetId"),
        translate=_with_target,
    ),
}
