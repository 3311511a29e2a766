"""The EC2 instance that trains: a zone has its type, and the account's plan allows it."""

import boto3
from botocore.exceptions import ClientError

from settings import Settings
from settings.names import resource_name
from settings.training_memory import TrainingMemory
from tools.deploy.preflight.names import is_deployed
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady


def ec2_zone(target: Target) -> str:
    """The zone that is set, or else some zone, has the instance type."""
    settings = target.settings
    if not settings.ec2_training:
        return "no EC2 instance is set"
    type_, chosen = settings.ec2_instance_type, settings.ec2_zone_id
    zones = _zones_with(type_)
    if not zones:
        raise NotReady(f"{target.region} has no {type_}: {_instead(_others(settings))}")
    if chosen and chosen not in zones:
        ways = f"SETTINGS=ec2_zone_id={zones[0]}, or {_instead(_others(settings))}"
        raise NotReady(f"zone {chosen} has no {type_}: {ways}")
    return f"{chosen} has {type_}" if chosen else f"{type_} is in {', '.join(zones)}: a first deploy takes {zones[0]}"


def ec2_plan(target: Target) -> str:
    """The account is not on the free plan, or that has the instance type.

    Source: "GetAccountPlanState", AWS cost management API reference.
    """
    settings = target.settings
    if not settings.ec2_training:
        return "no EC2 instance is set"
    # The Free Tier API answers in one region only.
    plan = boto3.client("freetier", region_name="us-east-1").get_account_plan_state()["accountPlanType"]
    type_ = settings.ec2_instance_type
    if plan == "FREE":
        others = [other for other in _others(settings) if _zones_with(other)]  # EC2 refuses one that the region lacks
        described = boto3.client("ec2").describe_instance_types(InstanceTypes=[type_, *others])["InstanceTypes"]
        eligible = {each["InstanceType"] for each in described if each["FreeTierEligible"]}
        if type_ not in eligible:
            raise NotReady(
                f"the account is on AWS's free plan, which has no {type_}: "
                f"{_instead([other for other in others if other in eligible])}, or upgrade the plan: aws freetier "
                "upgrade-account-plan --account-plan-type PAID --region us-east-1"
            )
    return f"the account's plan has {type_}"


def _others(settings: Settings) -> list[str]:
    """Other instance types with the memory that the training takes, the smallest first."""
    fitting = TrainingMemory.of(dict(settings)).types
    return [type_ for type_ in fitting if type_ != settings.ec2_instance_type]


def _instead(others: list[str]) -> str:
    return f"SETTINGS=ec2_instance_type={others[0]}" if others else "lower batch_size or image_size for a smaller type"


def find_zone(settings: Settings) -> str:
    """The zone that a deploy shall set; empty where none is to be found, or none is missing.

    An instance that is deployed without one stays where it is.
    """
    if not settings.ec2_training or settings.ec2_zone_id:
        return ""
    try:
        deployed = is_deployed(resource_name(settings.prefix, "ec2-training"))
        zones = [] if deployed else _zones_with(settings.ec2_instance_type)
    except ClientError:  # preflight says so
        return ""
    return zones[0] if zones else ""


def _zones_with(instance_type: str) -> list[str]:
    """Ids of the region's zones with the type, in their order. Source: "DescribeInstanceTypeOfferings", EC2 API."""
    pages = (
        boto3.client("ec2")
        .get_paginator("describe_instance_type_offerings")
        .paginate(LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": [instance_type]}])
    )
    return sorted(offering["Location"] for page in pages for offering in page["InstanceTypeOfferings"])
