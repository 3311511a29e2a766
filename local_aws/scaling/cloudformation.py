"""CloudFormation types of Application Auto Scaling, on top of its API."""

from typing import Any

from local_aws.resource_type import Identity, ResourceType
from local_aws.scaling.api import (
    SERVICE,
    delete_policy,
    delete_scheduled_action,
    deregister_target,
    put_policy,
    put_scheduled_action,
    register_target,
)
from local_aws.scaling.targets import key_of, targets
from local_aws.service import ApiError, check_input, coerce, service_model

_PLACE = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class ScalableTargetType(ResourceType):
    """Scalable target with its scheduled actions, which are a property here and separate operations in the API."""

    def _create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> Identity:
        rest, scheduled = _apart(properties)
        identity = super()._create(logical_id, rest, stack_name)
        _schedule(rest, scheduled)
        return identity

    def _update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Identity:
        rest, scheduled = _apart(new)
        identity = super()._update(physical_id, _apart(old)[0], rest, stack_name)
        _schedule(rest, scheduled)
        return identity


def _apart(properties: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    rest = dict(properties)
    return rest, rest.pop("ScheduledActions", [])


def _schedule(properties: dict[str, Any], scheduled: list[dict[str, Any]]) -> None:
    """Make the target's scheduled actions exactly these: put each, and delete all others."""
    place = {name: properties[name] for name in _PLACE}
    shape = service_model(SERVICE).operation_model("PutScheduledAction").input_shape
    for action in scheduled:
        request = coerce(place | action, shape, "ScheduledActions")
        check_input(SERVICE, "PutScheduledAction", request)
        put_scheduled_action(request)
    for name in targets[key_of(place)].scheduled.keys() - {action["ScheduledActionName"] for action in scheduled}:
        delete_scheduled_action(place | {"ScheduledActionName": name})


def _with_tag_map(properties: dict[str, Any]) -> dict[str, Any]:
    """Convert tags from CloudFormation's list to this API's map."""
    return {**properties, "Tags": {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}}


def _create_target(request: dict[str, Any]) -> Identity:
    arn = register_target(request)["ScalableTargetARN"]
    identity = "|".join(request[name] for name in _PLACE)
    return identity, {"Id": identity, "ScalableTargetARN": arn}


def _place(physical_id: str) -> dict[str, str]:
    return dict(zip(_PLACE, physical_id.split("|"), strict=True))


def _with_target(properties: dict[str, Any]) -> dict[str, Any]:
    """Replace a policy's ScalingTargetId by the three parameters that it stands for."""
    rest = dict(properties)
    if target := rest.pop("ScalingTargetId", None):
        rest |= _place(target)
    return rest


def _create_policy(request: dict[str, Any]) -> Identity:
    arn = put_policy(request)["PolicyARN"]
    return arn, {"Arn": arn, "PolicyName": request["PolicyName"]}


def _delete_policy(physical_id: str, properties: dict[str, Any]) -> None:
    for target in list(targets.values()):
        for policy in list(target.policies.values()):
            if policy.described["PolicyARN"] == physical_id:
                _ignore_missing(delete_policy, policy.described)


def _ignore_missing(operation: Any, request: dict[str, Any]) -> None:
    try:
        operation(request)
    except ApiError as error:
        if error.code != "ObjectNotFoundException":
            raise


TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTargetType(
        service=SERVICE,
        operation="RegisterScalableTarget",
        create=_create_target,
        update=lambda physical_id, request: _create_target(request),
        delete=lambda physical_id, _: _ignore_missing(deregister_target, _place(physical_id)),
        replacing=_PLACE,
        translate=_with_tag_map,
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        service=SERVICE,
        operation="PutScalingPolicy",
        create=_create_policy,
        update=lambda physical_id, request: _create_policy(request),
        delete=_delete_policy,
        replacing=("PolicyName", *_PLACE, "ScalingTargetId"),
        translate=_with_target,
    ),
}
