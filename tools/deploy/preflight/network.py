"""The private network: a VPC that is there leads to the services that are called, or the deploy can make one."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.routes import RouteTable, leads_out, table_of
from aws.security_groups import let_https_in
from settings.names import resource_name
from settings.network import SERVICES
from tools.deploy.preflight.names import is_deployed
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

_GIVEN = 'SETTINGS="vpc_id=… subnet_ids=…" takes a VPC that is there, with its endpoints'
_OTHERS = 'SETTINGS="vpc_id=… subnet_ids=…" names others, and without both the deploy makes a network'


def private_network(target: Target) -> str:
    """The VPC that is set has what it needs, or the region has it for the one that the deploy makes."""
    if target.settings.network == "none":
        return "no private network is set"
    return _given(target) if target.settings.vpc_id else _made(target)


def _made(target: Target) -> str:
    """The network is deployed, or the zones in which the deploy makes its subnets have the services' endpoints.

    Source: "Why can't I select an Availability Zone for my interface VPC endpoint", AWS knowledge center.
    """
    stack, region = resource_name(target.settings.prefix, "network"), target.region
    if is_deployed(stack):
        return f"{stack} is deployed"
    if region.startswith("cn-"):  # the template has the names of the services elsewhere
        raise NotReady(f"the deploy makes no VPC endpoints in China: {_GIVEN}")
    client = boto3.client("ec2")
    zones = _zones(client)
    if len(zones) < 2:
        ways = f"aws ec2 create-default-subnet --availability-zone … makes one, or {_GIVEN}"
        raise NotReady(
            f"the deploy makes subnets in two zones, and in {region} only {zones[0]} has a default subnet: {ways}"
        )
    services = [_service_name(service, region) for service in SERVICES[1:]]
    found = client.describe_vpc_endpoint_services(ServiceNames=services)["ServiceDetails"]
    if problems := [
        f"the deploy makes a subnet in {zone}, where {each['ServiceName']} has no endpoints: {_GIVEN}"
        for each in found
        for zone in zones
        if zone not in each["AvailabilityZones"]
    ]:
        raise NotReady(problems)
    return f"the deploy makes the private network in {', '.join(zones)}"


def _zones(client: Any) -> list[str]:
    """The zones that the template takes, the first two of Fn::GetAZs: of those with a default subnet, if there are any.

    Source: "Fn::GetAZs", CloudFormation template reference.
    """
    default = client.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    names = {subnet["AvailabilityZone"] for subnet in default}
    if not names:
        kind = [{"Name": "zone-type", "Values": ["availability-zone"]}]
        names = {zone["ZoneName"] for zone in client.describe_availability_zones(Filters=kind)["AvailabilityZones"]}
    return sorted(names)[:2]


def _given(target: Target) -> str:
    """The VPC and its subnets are there, and each service an endpoint that lets them in, or they a route out.

    Sources: "Gateway endpoints" and "Access an AWS service using an interface VPC endpoint", AWS PrivateLink guide.
    """
    settings, client = target.settings, boto3.client("ec2")
    try:
        client.describe_vpcs(VpcIds=[settings.vpc_id])
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidVpcID.NotFound":
            raise
        raise NotReady(f"there is no VPC {settings.vpc_id} in {target.region}: {_OTHERS}") from error
    ours = [{"Name": "vpc-id", "Values": [settings.vpc_id]}]
    subnets = {subnet["SubnetId"]: subnet for subnet in client.describe_subnets(Filters=ours)["Subnets"]}
    if missing := [subnet for subnet in settings.subnets if subnet not in subnets]:
        raise NotReady(f"{settings.vpc_id} has no {', '.join(missing)}: {_OTHERS}")
    owners = {subnet: subnets[subnet]["OwnerId"] for subnet in settings.subnets}
    if shared := [
        f"{subnet} is shared by account {owner}, whose ARNs the roles' policies do not cover: {_OTHERS}"
        for subnet, owner in owners.items()
        if owner != target.account
    ]:
        raise NotReady(shared)
    tables = client.describe_route_tables(Filters=ours)["RouteTables"]
    endpoints = client.describe_vpc_endpoints(Filters=ours)["VpcEndpoints"]
    groups = client.describe_security_groups(Filters=ours)["SecurityGroups"]
    rules = {group["GroupId"]: group["IpPermissions"] for group in groups}
    problems = []
    for subnet in settings.subnets:
        table, addresses = table_of(subnet, tables), subnets[subnet]["CidrBlock"]
        if leads_out(table):
            continue
        for service in SERVICES:
            name = _service_name(service, target.region)
            ways = [each for each in _of(endpoints, settings.vpc_id, name) if _reaches(each, table)]
            if not ways:
                problems.append(f"from {subnet} nothing leads to {name}: {_fix(service)}, or {_OTHERS}")
            elif not any(_lets_in(each, addresses, rules) for each in ways):
                problems.append(
                    f"{ways[0]['VpcEndpointId']} lets in no HTTPS from {subnet}: add a rule for "
                    f"{addresses} to one of its security groups, or {_OTHERS}"
                )
    if problems:
        raise NotReady(problems)
    return f"{settings.vpc_id} leads to {', '.join(SERVICES)} from all of {', '.join(settings.subnets)}"


def _service_name(service: str, region: str) -> str:
    """Name of the service of an endpoint. Source: getDefaultEndpointPrefix, aws-ec2/lib/vpc-endpoint.ts of the CDK."""
    china = "cn." if region.startswith("cn-") and service != "s3" else ""
    return f"{china}com.amazonaws.{region}.{service}"


def _fix(service: str) -> str:
    if service == "s3":
        return "add the subnet's route table to a gateway endpoint"
    return "create an interface endpoint with private names"


def _of(endpoints: list[dict[str, Any]], vpc: str, name: str) -> Iterator[dict[str, Any]]:
    return (
        each for each in endpoints if (each["VpcId"], each["ServiceName"], each["State"]) == (vpc, name, "available")
    )


def _reaches(endpoint: dict[str, Any], table: RouteTable) -> bool:
    if endpoint["VpcEndpointType"] == "Gateway":
        return table["RouteTableId"] in endpoint["RouteTableIds"]
    return bool(endpoint["PrivateDnsEnabled"])


def _lets_in(endpoint: dict[str, Any], addresses: str, rules: dict[str, Any]) -> bool:
    """True unless the security groups of the endpoint refuse the subnet.

    A rule for another group than its own may be for one of the deploy's, which the first deploy makes.
    """
    if endpoint["VpcEndpointType"] == "Gateway":
        return True
    own = {group["GroupId"] for group in endpoint["Groups"]}
    let_in = [rule for group in own for rule in rules.get(group, [])]
    named = {pair.get("GroupId") for rule in let_in for pair in rule.get("UserIdGroupPairs", [])}
    return let_https_in(let_in, addresses, named - own)
