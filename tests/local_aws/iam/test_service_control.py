"""Service control policies are evaluated as AWS Organizations does ("SCP evaluation", AWS Organizations user guide)."""

import json
from typing import Any

import pytest

from local_aws.iam.service_control import NoPolicy, parse

ROLE = "arn:aws:iam::111122223333:role/deployer"


def refusal(
    *statements: dict[str, Any], action: str = "s3:CreateBucket", region: str = "eu-west-1", **keys: str
) -> str:
    policy = parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    named = dict(keys)
    return policy.refusal(action, "arn:aws:s3:::bucket", principal=ROLE, region=region, keys=named)


def deny(**more: Any) -> dict[str, Any]:
    return {"Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "*", **more}


def test_beside_a_policy_that_only_denies_the_rest_is_allowed() -> None:
    assert refusal(deny()) == "statement No denies it"
    assert refusal(deny(), action="sns:CreateTopic") == ""


def test_a_policy_that_allows_is_a_list_of_what_is_allowed() -> None:
    allow = {"Effect": "Allow", "Action": ["sns:*"], "Resource": "*"}
    assert refusal(allow) == "no statement allows it"
    assert refusal(allow, action="sns:CreateTopic") == ""
    assert refusal(allow, deny(Action="sns:CreateTopic"), action="sns:CreateTopic") == "statement No denies it"


@pytest.mark.parametrize(
    ("condition", "stopped"),
    [
        ({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deployer"}}, False),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/deployer"}}, False),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}, True),
        ({"Null": {"aws:RequestTag/team": "true"}}, True),
    ],
)
def test_conditions_are_read(condition: dict[str, Any], stopped: bool) -> None:
    assert bool(refusal(deny(Condition=condition))) is stopped


def test_a_tag_of_the_request_is_seen() -> None:
    assert refusal(deny(Condition={"Null": {"aws:RequestTag/team": "true"}}), **{"aws:RequestTag/team": "a"}) == ""


def test_a_principal_has_no_place_in_it() -> None:
    with pytest.raises(NoPolicy, match="has Principal"):
        parse(json.dumps({"Statement": deny(Principal="*")}))
