"""A VPC that is there: its subnets, and from each a way to the AWS services that functions and jobs call."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.routes import RouteTable, leads_out, table_of
from settings.network import SERVICES
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

_OTHERS = 'SETTINGS="vpc_id=… subnet_ids=…" names others, and without both the deploy makes a network'


def private_network(target: Target) -> str:
    """The VPC and its subnets are there, and each service has an endpoint, or the subnets a route out.

    Sources: "Gateway endpoints" and "Access an AWS service using an interface VPC endpoint", AWS PrivateLink guide.
    """
    settings = target.settings
    if settings.network == "none":
        return "no private network is set"
    if not settings.vpc_id:
        return "the deploy makes the private network"
    client = boto3.client("ec2")
    try:
        client.describe_vpcs(VpcIds=[settings.vpc_id])
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidVpcID.NotFound":
            raise
        raise NotReady(f"there is no VPC {settings.vpc_id} in {target.region}: {_OTHERS}") from error
    ours = [{"Name": "vpc-id", "Values": [settings.vpc_id]}]
    there = {subnet["SubnetId"] for subnet in client.describe_subnets(Filters=ours)["Subnets"]}
    if missing := [subnet for subnet in settings.subnets if subnet not in there]:
        raise NotReady(f"{settings.vpc_id} has no {', '.join(missing)}: {_OTHERS}")
    tables = client.describe_route_tables(Filters=ours)["RouteTables"]
    endpoints = client.describe_vpc_endpoints(Filters=ours)["VpcEndpoints"]
    problems = [
        f"from {subnet} nothing leads to {name}: {_fix(service)}, or {_OTHERS}"
        for subnet in settings.subnets
        for table in [table_of(subnet, tables)]
        if not leads_out(table)
        for service in SERVICES
        for name in [f"com.amazonaws.{target.region}.{service}"]
        if not any(_reaches(each, table) for each in _of(endpoints, settings.vpc_id, name))
    ]
    if problems:
        raise NotReady(problems)
    return f"{settings.vpc_id} leads to {', '.join(SERVICES)} from all of {', '.join(settings.subnets)}"


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
