"""Instances start where their type is offered, and on a new account's free plan only if the plan has the type."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.ec2_types import EC2_TYPES
from local_aws.ec2 import offerings
from local_aws.home import ACCOUNT_KIND, DEFAULT_REGION, NEW
from local_aws.service import ApiError
from tests.local_aws.conftest import Client
from tests.local_aws.ec2.instance import IMAGE


def zones(client: Client, type_: str) -> set[str]:
    found = client("ec2").describe_instance_type_offerings(
        LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": [type_]}]
    )["InstanceTypeOfferings"]
    assert {offering["InstanceType"] for offering in found} == {type_}
    return {offering["Location"] for offering in found}


def test_a_type_is_offered_in_some_zones_and_refused_in_the_others(client: Client) -> None:
    """AWS: "DescribeInstanceTypeOfferings", EC2 API reference."""
    every = {f"use1-az{number}" for number in (1, 2, 3)}
    assert zones(client, "t3.micro") == every
    assert zones(client, "t2.micro") == every - {"use1-az3"}

    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/24")["Vpc"]["VpcId"]
    place: dict[str, Any] = {"VpcId": vpc, "CidrBlock": "10.1.0.0/28", "AvailabilityZoneId": "use1-az3"}
    subnet = ec2.create_subnet(**place)["Subnet"]["SubnetId"]
    with pytest.raises(ClientError, match=rf"\(t2\.micro\) is not supported in .*\({DEFAULT_REGION}c\)"):
        ec2.run_instances(ImageId=IMAGE, InstanceType="t2.micro", MinCount=1, MaxCount=1, SubnetId=subnet)


def test_the_free_plan_refuses_a_type_that_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    offerings.require_offered("t2.micro", "us-east-1a")
    monkeypatch.setenv(ACCOUNT_KIND, NEW)
    offerings.require_offered("t3.micro", "us-east-1a")
    with pytest.raises(ApiError, match="not eligible for Free Tier"):
        offerings.require_offered("t2.micro", "us-east-1a")


def test_the_account_and_the_types_say_what_the_plan_has(client: Client) -> None:
    assert client("freetier").get_account_plan_state()["accountPlanType"] == "PAID"
    types = client("ec2").describe_instance_types(InstanceTypes=list(EC2_TYPES))["InstanceTypes"]
    eligible = [type_["InstanceType"] for type_ in types if type_["FreeTierEligible"]]
    sizes = {
        type_["InstanceType"]: (type_["VCpuInfo"]["DefaultVCpus"], type_["MemoryInfo"]["SizeInMiB"]) for type_ in types
    }
    assert sizes == EC2_TYPES
    assert sorted(eligible) == ["t3.micro", "t3.small"]
