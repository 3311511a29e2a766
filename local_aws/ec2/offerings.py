"""Zones that have an instance type, and the account's plan, which on a new account is AWS's free one.

Sources: "DescribeInstanceTypeOfferings", EC2 API reference; "GetAccountPlanState", AWS cost management API reference.
Not every zone has every type: here the third has no t2.
"""

import os
import re
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from local_aws.ec2.machine import TYPES
from local_aws.home import ACCOUNT_KIND, NEW
from local_aws.service import ApiError, Operation, Response, dispatch

# Types that the free plan allows: https://github.com/RhinoSecurityLabs/cloudgoat/issues/375.
_FREE = ("t3.micro", "t3.small", "t4g.micro", "t4g.small", "c7i-flex.large", "m7i-flex.large")
_Params = dict[str, Any]


def install() -> None:
    """Answer for the zones of an instance type, its size, and whether the free plan has it."""
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = _describe_offerings
    described = ec2._ACTION_MAP["DescribeInstanceTypes"]

    def describe_types(params: _Params) -> Response:
        status, headers, body = described(params)
        for asked in ec2._parse_member_list(params, "InstanceType"):
            begin = body.find(f"<instanceType>{asked}<".encode())
            known = {"freeTierEligible": str(asked in _FREE).lower()}
            if type_ := TYPES.get(asked):
                known |= {"defaultVCpus": str(type_.vcpus), "sizeInMiB": str(type_.memory)}
            for name, value in known.items():
                told = re.sub(rf"<{name}>\w+<".encode(), f"<{name}>{value}<".encode(), body[begin:], count=1)
                body = body[:begin] + told
        return status, headers, body

    ec2._ACTION_MAP["DescribeInstanceTypes"] = describe_types


def require_offered(instance_type: str, zone: str) -> None:
    """Require that the zone, by its name, and the account's plan have the instance type.

    Raises:
        ApiError: in AWS's words (https://github.com/terraform-aws-modules/terraform-aws-ec2-instance/issues/68,
            https://github.com/LinkedInLearning/learning-terraform-3087701/issues/345).
    """
    if not _has(zone, instance_type):
        raise ApiError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone "
            f"({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(other for other in _zones() if _has(other, instance_type))}.",
        )
    if _plan() == "FREE" and instance_type not in _FREE:
        raise ApiError(
            "InvalidParameterCombination",
            "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run "
            "'describe-instance-types' with the filter 'free-tier-eligible=true'.",
        )


def _describe_offerings(params: _Params) -> Response:
    numbers = range(1, 11)
    if others := {ec2._p(params, f"Filter.{number}.Name") for number in numbers} - {"", "instance-type"}:
        refused: Response = ec2._error(
            "InvalidParameterValue", f"local AWS has no filter {', '.join(others)} here", 400
        )
        return refused
    by_id = ec2._p(params, "LocationType") == "availability-zone-id"
    wanted = {ec2._p(params, f"Filter.1.Value.{number}") for number in numbers} - {""}
    items = "".join(
        f"<item><instanceType>{type_}</instanceType><locationType>availability-zone{'-id' if by_id else ''}"
        f"</locationType><location>{ec2._az_id_for_zone_name(zone) if by_id else zone}</location></item>"
        for type_ in TYPES
        if not wanted or type_ in wanted
        for zone in _zones()
        if _has(zone, type_)
    )
    inner = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    answer: Response = ec2._xml(200, "DescribeInstanceTypeOfferingsResponse", inner)
    return answer


def _zones() -> list[str]:
    return [f"{get_region()}{letter}" for letter in "abc"]


def _has(zone: str, instance_type: str) -> bool:
    return not (zone.endswith("c") and instance_type.startswith("t2."))


# ---------------------------------------------------------------------- the account's plan


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    return dispatch("freetier", OPERATIONS, headers, body)


def resource_arn(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], region: str, account: str
) -> str:
    return "*"


def _plan() -> str:
    return "FREE" if os.environ.get(ACCOUNT_KIND) == NEW else "PAID"


def _describe_plan(_: dict[str, Any]) -> dict[str, Any]:
    return {"accountId": get_account_id(), "accountPlanType": _plan(), "accountPlanStatus": "ACTIVE"}


OPERATIONS: dict[str, Operation] = {"GetAccountPlanState": _describe_plan}
