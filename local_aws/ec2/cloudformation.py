"""CloudFormation type AWS::EC2::Instance, which MiniStack lacks."""

import re
from typing import Any

from ministack.services import ec2

from local_aws.ec2.instances import machines
from local_aws.resource_type import Identity, ResourceType
from local_aws.service import ApiError


def _request(properties: dict[str, Any]) -> dict[str, Any]:
    """Translate the type's properties to parameters of RunInstances."""
    request = {**properties, "MinCount": 1, "MaxCount": 1}
    request.pop("PropagateTagsToVolumeOnCreation", None)
    if profile := request.pop("IamInstanceProfile", ""):
        # MiniStack's Ref of an instance profile is its ARN; AWS's is its name.
        request["IamInstanceProfile"] = {"Arn" if profile.startswith("arn:") else "Name": profile}
    if credits := request.pop("CreditSpecification", None):
        request["CreditSpecification"] = {"CpuCredits": credits["CPUCredits"]}
    if "Monitoring" in request:
        request["Monitoring"] = {"Enabled": request["Monitoring"]}
    if tags := request.pop("Tags", []):
        request["TagSpecifications"] = [{"ResourceType": "instance", "Tags": tags}]
    return request


def _create(request: dict[str, Any]) -> Identity:
    """Launch the instance and wait until its first boot has started.

    Raises:
        ApiError: RunInstances refuses the request, or the instance does not boot.
    """
    _, _, body = answer = ec2._ACTION_MAP["RunInstances"](dict(_flat("", request)))
    text = body.decode()
    if answer[0] != 200:
        code, message = (re.findall(f"<{tag}>(.*?)</{tag}>", text)[0] for tag in ("Code", "Message"))
        raise ApiError(code, message)
    instance_id = re.findall("<instanceId>(.*?)</instanceId>", text)[0]
    if machine := machines.get(instance_id):
        machine.boot_attempted.wait()
        if machine.failure:
            raise ApiError("NotStabilized", f"Instance {instance_id} failed to stabilize: {machine.failure}")
    instance = ec2._instances[instance_id]
    return instance_id, {"InstanceId": instance_id, "PrivateIp": instance["PrivateIpAddress"]}


_SINGULAR = {"SecurityGroupIds": "SecurityGroupId", "BlockDeviceMappings": "BlockDeviceMapping",
             "TagSpecifications": "TagSpecification", "Tags": "Tag"}  # fmt: skip


def _flat(prefix: str, value: Any) -> list[tuple[str, list[str]]]:
    """Flatten nested parameters for the query protocol: `TagSpecification.1.Tag.1.Key`."""
    if isinstance(value, dict):
        parts: list[tuple[str, Any]] = [(_SINGULAR.get(str(name), str(name)), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        parts = [(str(number), inner) for number, inner in enumerate(value, 1)]
    else:
        return [(prefix, [str(value)])]
    begin = f"{prefix}." if prefix else ""
    return [pair for name, inner in parts for pair in _flat(f"{begin}{name}", inner)]


def _update(physical_id: str, request: dict[str, Any]) -> Identity:
    """Refuse to update an instance: AWS refuses it for a terminated one, and local AWS does not support the rest.

    AWS would stop a running instance, change it and start it again.
    """
    state = ec2._instances.get(physical_id, {"State": {"Name": "terminated"}})["State"]["Name"]
    if state in ("shutting-down", "terminated"):
        raise ApiError(
            "IncorrectInstanceState",
            f"The instance '{physical_id}' is {state}, and its attributes cannot be modified",
        )
    raise ApiError("UnsupportedOperation", f"local AWS cannot change an instance in place; {physical_id} is {state}")


def _delete(physical_id: str, properties: dict[str, Any]) -> None:
    if physical_id in ec2._instances:
        ec2._ACTION_MAP["TerminateInstances"]({"InstanceId.1": [physical_id]})


TYPES = {
    "AWS::EC2::Instance": ResourceType(
        service="ec2",
        operation="RunInstances",
        create=_create,
        update=_update,
        delete=_delete,
        translate=_request,
        # AWS changes other properties in place (AWS::EC2::Instance, "Update requires", CloudFormation reference).
        replacing=("ImageId", "SubnetId", "BlockDeviceMappings"),
    )
}
