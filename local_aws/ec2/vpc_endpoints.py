"""VPC endpoints with policy, private names and security groups, and the services of SageMaker, which MiniStack lacks.

Source: "CreateVpcEndpoint" and "DescribeVpcEndpointServices", EC2 API reference.
"""

from typing import Any
from xml.sax.saxutils import escape

from ministack.services import ec2

Params = dict[str, Any]


def install() -> None:
    """Keep and describe policy, private names and security groups of VPC endpoints; list SageMaker's services."""
    create, fields = ec2._ACTION_MAP["CreateVpcEndpoint"], ec2._vpce_fields_xml

    def create_whole(params: Params) -> Any:
        vpc = ec2._p(params, "VpcId")
        if vpc not in ec2._vpcs:
            return ec2._error("InvalidVpcId.NotFound", f"The Vpc Id {vpc} does not exist", 400)
        before = set(ec2._vpc_endpoints)
        create(params)
        [made] = set(ec2._vpc_endpoints) - before
        endpoint = ec2._vpc_endpoints[made]
        endpoint |= {
            "PolicyDocument": ec2._p(params, "PolicyDocument") or None,
            "PrivateDnsEnabled": ec2._p(params, "PrivateDnsEnabled") != "false",
            "SecurityGroupIds": ec2._parse_member_list(params, "SecurityGroupId")
            or [ec2._vpcs[vpc]["DefaultSecurityGroupId"]],
        }
        return ec2._xml(200, "CreateVpcEndpointResponse", whole_fields(endpoint, "vpcEndpoint"))

    def whole_fields(endpoint: dict[str, Any], tag: str = "item") -> str:
        groups = "".join(f"<item><groupId>{id}</groupId></item>" for id in endpoint.get("SecurityGroupIds", []))
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{private}</privateDnsEnabled>"
        if isinstance(policy := endpoint.get("PolicyDocument"), str):
            more += f"<policyDocument>{escape(policy)}</policyDocument>"
        return str(fields(endpoint, tag)).removesuffix(f"</{tag}>") + f"{more}</{tag}>"

    ec2._ACTION_MAP["CreateVpcEndpoint"], ec2._vpce_fields_xml = create_whole, whole_fields
    ec2._VPCE_INTERFACE_SERVICES += ("sagemaker.api", "sagemaker.runtime")
