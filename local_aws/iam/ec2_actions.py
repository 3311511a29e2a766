"""IAM actions that CloudFormation needs for instances and networks; the source is that of resource_actions.py."""

from local_aws.iam.type_actions import TypeActions

_EC2 = "arn:aws:ec2:{region}:{account}:"


def _network(kind: str, name: str, **with_property: str) -> TypeActions:
    """Entry of a VPC resource."""
    besides = {"Tags": "ec2:CreateTags", **with_property}
    return TypeActions(
        f"{_EC2}{kind}/{{name}}", "", (f"ec2:Create{name}",), (), (f"ec2:Delete{name}",), with_property=besides
    )


def _security_group_rule(direction: str) -> TypeActions:
    """Entry of a rule of a security group."""
    add, remove = (f"ec2:{verb}SecurityGroup{direction}" for verb in ("Authorize", "Revoke"))
    return TypeActions(f"{_EC2}security-group/{{name}}", "GroupId", (add,), (add, remove), (remove,))


EC2_ACTIONS: dict[str, TypeActions] = {
    "AWS::EC2::Instance": TypeActions(
        f"{_EC2}instance/{{name}}",
        "",
        ("ec2:RunInstances",),
        ("ec2:ModifyInstanceAttribute",),
        ("ec2:TerminateInstances",),
        with_property={"Tags": "ec2:CreateTags"},
    ),
    "AWS::EC2::InternetGateway": _network("internet-gateway", "InternetGateway"),
    "AWS::EC2::Route": TypeActions(
        f"{_EC2}route-table/{{name}}",
        "RouteTableId",
        ("ec2:CreateRoute",),
        ("ec2:ReplaceRoute",),
        ("ec2:DeleteRoute",),
    ),
    "AWS::EC2::RouteTable": _network("route-table", "RouteTable"),
    "AWS::EC2::SecurityGroup": TypeActions(
        f"{_EC2}security-group/{{name}}",
        "",
        ("ec2:CreateSecurityGroup",),
        (),
        ("ec2:DeleteSecurityGroup",),
        with_property={
            "SecurityGroupEgress": "ec2:AuthorizeSecurityGroupEgress",
            "SecurityGroupIngress": "ec2:AuthorizeSecurityGroupIngress",
            "Tags": "ec2:CreateTags",
        },
    ),
    "AWS::EC2::SecurityGroupEgress": _security_group_rule("Egress"),
    "AWS::EC2::SecurityGroupIngress": _security_group_rule("Ingress"),
    "AWS::EC2::Subnet": _network(
        "subnet",
        "Subnet",
        AvailabilityZone="ec2:DescribeAvailabilityZones",  # of Fn::GetAZs, which the app's templates have there
        MapPublicIpOnLaunch="ec2:ModifySubnetAttribute",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": TypeActions(
        f"{_EC2}route-table/{{name}}",
        "RouteTableId",
        ("ec2:AssociateRouteTable",),
        (),
        ("ec2:DisassociateRouteTable",),
    ),
    "AWS::EC2::VPC": _network(
        "vpc", "Vpc", EnableDnsHostnames="ec2:ModifyVpcAttribute", EnableDnsSupport="ec2:ModifyVpcAttribute"
    ),
    "AWS::EC2::VPCEndpoint": TypeActions(
        f"{_EC2}vpc-endpoint/{{name}}",
        "",
        ("ec2:CreateVpcEndpoint",),
        ("ec2:ModifyVpcEndpoint",),
        ("ec2:DeleteVpcEndpoints",),
        with_property={"Tags": "ec2:CreateTags"},
    ),
    "AWS::EC2::VPCGatewayAttachment": TypeActions(
        f"{_EC2}internet-gateway/{{name}}",
        "InternetGatewayId",
        ("ec2:AttachInternetGateway",),
        (),
        ("ec2:DetachInternetGateway",),
    ),
}
