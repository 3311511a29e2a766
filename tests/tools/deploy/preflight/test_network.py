"""A VPC that is not there, and subnets from which a service cannot be reached, are told before the deploy.

Sources: "Gateway endpoints" and "Access an AWS service using an interface VPC endpoint", AWS PrivateLink guide.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.tools.deploy.preflight.conftest import ACCOUNT, REGION, Aws, target
from tools.deploy.preflight.network import private_network
from tools.preflight import NotReady

VPC, SUBNETS = "vpc-0a1b2c3d", ("subnet-0a1b2c3d", "subnet-4e5f6071")
THERE = {"network": "private", "vpc_id": VPC, "subnet_ids": "|".join(SUBNETS)}
FILTERS = {"Filters": [{"Name": "vpc-id", "Values": [VPC]}]}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
ADDRESSES = {SUBNETS[0]: "10.0.1.0/24", SUBNETS[1]: "10.0.2.0/24"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}


def endpoint(service: str, **properties: Any) -> dict[str, Any]:
    name = f"com.amazonaws.eu-west-1.{service}"
    kind = {"VpcEndpointType": "Gateway" if service == "s3" else "Interface", "PrivateDnsEnabled": service != "s3"}
    there = {"VpcEndpointId": "vpce-1", "VpcId": VPC, "ServiceName": name, "State": "available"}
    return {**there, "RouteTableIds": ["main"], "Groups": [{"GroupId": "sg-doors"}], **kind, **properties}


LETS_IN = {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
ALL = [endpoint("s3"), endpoint("sagemaker.api"), endpoint("sagemaker.runtime")]


def finds(
    aws: Aws,
    *endpoints: dict[str, Any],
    subnets: tuple[str, ...] = SUBNETS,
    route: dict[str, str] | None = None,
    own: tuple[str, ...] = (),
    source: dict[str, Any] = LETS_IN,
    region: str = REGION,
    owner: str = ACCOUNT,
) -> str:
    """Return the check's answer for a VPC of the account `owner`.

    Its main route table has `route`, the subnets `own` have a table of their own, and the interface endpoints' security
    group lets in HTTPS from `source`.
    """
    main = {"RouteTableId": "main", "Associations": [{"Main": True}], "Routes": [route] if route else []}
    other = {"RouteTableId": "other", "Associations": [{"SubnetId": subnet} for subnet in own], "Routes": []}
    ec2 = aws("ec2")
    ec2.add_response("describe_vpcs", {"Vpcs": [{"VpcId": VPC}]}, {"VpcIds": [VPC]})
    described = [{"SubnetId": subnet, "CidrBlock": ADDRESSES[subnet], "OwnerId": owner} for subnet in subnets]
    ec2.add_response("describe_subnets", {"Subnets": described}, FILTERS)
    ec2.add_response("describe_route_tables", {"RouteTables": [main, other]}, FILTERS)
    ec2.add_response("describe_vpc_endpoints", {"VpcEndpoints": list(endpoints)}, FILTERS)
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **source}
    doors = {"GroupId": "sg-doors", "IpPermissions": [rule]}
    ec2.add_response("describe_security_groups", {"SecurityGroups": [doors]}, FILTERS)
    return private_network(replace(target(None, **THERE), region=region))


def makes(
    aws: Aws,
    default: tuple[str, ...] = ("1c", "1a", "1b"),
    *,
    every: tuple[str, ...] = (),
    runtime: tuple[str, ...] = ("1a", "1b"),
    region: str = REGION,
    status: str = "ROLLBACK_COMPLETE",
) -> str:
    """Return the check's answer where the deploy makes the network, whose stack has the status.

    Zones are named by their ends: those with a default subnet, all of them, and those that SageMaker Runtime is in.
    """
    stack = {"StackName": "slipway-dev-network", "StackStatus": status, "CreationTime": 0}
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "slipway-dev-network"})
    ec2, subnets = aws("ec2"), [{"AvailabilityZone": f"eu-west-{end}"} for end in default]
    of_default = {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}
    ec2.add_response("describe_subnets", {"Subnets": subnets}, of_default)
    if every:
        zones = [{"ZoneName": f"eu-west-{end}"} for end in every]
        of_region = {"Filters": [{"Name": "zone-type", "Values": ["availability-zone"]}]}
        ec2.add_response("describe_availability_zones", {"AvailabilityZones": zones}, of_region)
    details = [
        {
            "ServiceName": f"com.amazonaws.eu-west-1.sagemaker.{name}",
            "AvailabilityZones": [f"eu-west-{end}" for end in ends],
        }
        for name, ends in (("api", ("1a", "1b", "1c", "1d")), ("runtime", runtime))
    ]
    asked = {"ServiceNames": [each["ServiceName"] for each in details]}
    ec2.add_response("describe_vpc_endpoint_services", {"ServiceDetails": details}, asked)
    return private_network(replace(target(network="private"), region=region))


def test_one_that_is_off_or_deployed_needs_nothing(aws: Aws) -> None:
    assert private_network(target()) == "no private network is set"
    assert makes(aws, status="UPDATE_COMPLETE") == "slipway-dev-network is deployed"


def test_the_deploy_s_is_in_the_first_zones_with_a_default_subnet_or_of_all(aws: Aws) -> None:
    """AWS: "Fn::GetAZs", CloudFormation template reference."""
    assert makes(aws) == "the deploy makes the private network in eu-west-1a, eu-west-1b"
    found = makes(aws, (), every=("1d", "1b", "1c"), runtime=("1b", "1c"))
    assert found == "the deploy makes the private network in eu-west-1b, eu-west-1c"


def test_a_zone_of_it_without_a_service_s_endpoints_is_named(aws: Aws) -> None:
    """AWS: "The VPC endpoint service … does not support the Availability Zone of the subnet".

    https://aws.amazon.com/premiumsupport/knowledge-center/interface-endpoint-availability-zone
    """
    with pytest.raises(NotReady) as refused:
        makes(aws, runtime=("1b", "1c"))
    assert refused.value.problems == [
        "the deploy makes a subnet in eu-west-1a, where com.amazonaws.eu-west-1.sagemaker.runtime has no endpoints: "
        'SETTINGS="vpc_id=… subnet_ids=…" takes a VPC that is there, with its endpoints'
    ]


def test_one_zone_with_a_default_subnet_is_too_few(aws: Aws) -> None:
    """CloudFormation: "Template error: Fn::Select cannot select nonexistent value at index 1"."""
    with pytest.raises(NotReady, match="in two zones, and in eu-west-1 only eu-west-1b has a default subnet: aws ec2"):
        makes(aws, ("1b",))


def test_one_with_all_endpoints_is_right_and_so_is_one_with_a_nat_gateway(aws: Aws) -> None:
    assert f"{VPC} leads to s3, sagemaker.api, sagemaker.runtime" in finds(aws, *ALL)
    assert f"{VPC} leads to" in finds(aws, route=NAT)


def test_in_china_the_deploy_makes_none(aws: Aws) -> None:
    with pytest.raises(NotReady, match='no VPC endpoints in China: SETTINGS="vpc_id=… subnet_ids=…" takes a VPC'):
        makes(aws, region="cn-north-1")


def test_in_china_sagemaker_s_endpoints_have_names_of_their_own(aws: Aws) -> None:
    """AWS: https://github.com/aws/aws-cdk/pull/25333, and getDefaultEndpointPrefix of the CDK, aws-ec2."""
    names = (
        "com.amazonaws.cn-north-1.s3",
        *(f"cn.com.amazonaws.cn-north-1.sagemaker.{end}" for end in ("api", "runtime")),
    )
    there = [each | {"ServiceName": name} for each, name in zip(ALL, names, strict=True)]
    assert f"{VPC} leads to" in finds(aws, *there, region="cn-north-1")


def test_a_vpc_that_is_not_there_is_named(aws: Aws) -> None:
    aws("ec2").add_client_error("describe_vpcs", "InvalidVpcID.NotFound")
    with pytest.raises(NotReady, match=f"there is no VPC {VPC} in eu-west-1: SETTINGS="):
        private_network(target(None, **THERE))


def test_a_subnet_of_another_vpc_is_named(aws: Aws) -> None:
    with pytest.raises(NotReady, match=f"{VPC} has no {SUBNETS[1]}:"):
        finds(aws, *ALL, subnets=SUBNETS[:1])


def test_each_subnet_that_another_account_shares_is_named(aws: Aws) -> None:
    """A subnet's ARN has the account of its owner, who also makes the endpoints.

    AWS: "Responsibilities and permissions for owners and participants", VPC user guide.
    """
    with pytest.raises(NotReady) as refused:
        finds(aws, *ALL, owner="999988887777")
    lines = [
        f"{subnet} is shared by account 999988887777, whose ARNs the roles' policies do not cover" for subnet in SUBNETS
    ]
    assert [problem.partition(":")[0] for problem in refused.value.problems] == lines


@pytest.mark.parametrize(
    ("endpoints", "missing"),
    [
        (ALL[:2], "sagemaker.runtime"),
        ([*ALL[:2], endpoint("sagemaker.runtime", PrivateDnsEnabled=False)], "sagemaker.runtime"),
        ([*ALL[:2], endpoint("sagemaker.runtime", State="pending")], "sagemaker.runtime"),
        (ALL[1:], "s3"),
        ([endpoint("s3", RouteTableIds=["other"]), *ALL[1:]], "s3"),
    ],
)
def test_each_subnet_without_a_way_to_a_service_is_named(
    aws: Aws, endpoints: list[dict[str, Any]], missing: str
) -> None:
    with pytest.raises(NotReady) as refused:
        finds(aws, *endpoints, route=INTERNET)  # interfaces of functions have no public address
    lines = [f"from {subnet} nothing leads to com.amazonaws.eu-west-1.{missing}: " for subnet in SUBNETS]
    assert [problem.startswith(line) for problem, line in zip(refused.value.problems, lines, strict=True)] == [True] * 2


def test_a_route_to_a_gateway_that_was_deleted_leads_nowhere(aws: Aws) -> None:
    """EC2 keeps it with the state blackhole ("Route", EC2 API reference)."""
    with pytest.raises(NotReady, match=r"nothing leads to com\.amazonaws\.eu-west-1\.s3"):
        finds(aws, *ALL[1:], route=NAT | {"State": "blackhole"})


def test_a_subnet_s_own_route_table_counts(aws: Aws) -> None:
    with pytest.raises(NotReady, match=f"^from {SUBNETS[0]} nothing leads to com.amazonaws.eu-west-1.s3: add the"):
        finds(aws, *ALL, own=SUBNETS[:1])


def test_an_endpoint_whose_security_groups_refuse_a_subnet_is_named(aws: Aws) -> None:
    """An endpoint without a group of its own has the VPC's default one, which lets in none but its own members.

    Source: "Default security groups for your VPCs", VPC user guide.
    """
    default = {"UserIdGroupPairs": [{"GroupId": "sg-doors"}]}
    with pytest.raises(NotReady, match=f"^vpce-1 lets in no HTTPS from {SUBNETS[0]}: add a rule for 10.0.1.0/24 to"):
        finds(aws, *ALL, source=default)
    with pytest.raises(NotReady) as refused:
        finds(aws, *ALL, source={"IpRanges": [{"CidrIp": ADDRESSES[SUBNETS[0]]}]})
    assert {f"from {SUBNETS[1]}" in problem for problem in refused.value.problems} == {True}


def test_a_rule_for_another_group_may_be_for_the_deploy_s(aws: Aws) -> None:
    assert f"{VPC} leads to" in finds(aws, *ALL, source={"UserIdGroupPairs": [{"GroupId": "sg-of-the-deploy"}]})
