"""CloudFormation types AWS::EC2::SecurityGroupIngress and …Egress, which MiniStack lacks: rules of a group."""

import secrets
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from local_aws.resource_type import Identity
from local_aws.service import ApiError


def _handlers(direction: str) -> dict[str, Any]:
    """Handlers for rules of a direction, the name of the group's list of them."""

    def rules(properties: dict[str, Any]) -> list[Any]:
        group = properties["GroupId"]
        if group not in ec2._security_groups:
            raise ApiError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        found: list[Any] = ec2._security_groups[group].setdefault(direction, [])
        return found

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Identity:
        rules(properties).extend(provisioners._ec2_sg_permissions([properties]))
        rule = f"sgr-{secrets.token_hex(8)}"
        return rule, {"Id": rule}

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        if properties["GroupId"] in ec2._security_groups:
            for rule in provisioners._ec2_sg_permissions([properties]):
                rules(properties).remove(rule)

    return {"create": create, "delete": delete}


def _in_a_vpc(create: Any) -> Any:
    """Refuse a group in a VPC that is not there, as CreateSecurityGroup does and MiniStack does not."""

    def handle(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        vpc = properties.get("VpcId")
        if vpc and vpc not in ec2._vpcs:
            raise ApiError("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
        return create(logical_id, properties, stack)

    return handle


_GROUP = provisioners._RESOURCE_HANDLERS["AWS::EC2::SecurityGroup"]
HANDLERS = {
    "AWS::EC2::SecurityGroup": _GROUP | {"create": _in_a_vpc(_GROUP["create"])},
    "AWS::EC2::SecurityGroupIngress": _handlers("IpPermissions"),
    "AWS::EC2::SecurityGroupEgress": _handlers("IpPermissionsEgress"),
}
