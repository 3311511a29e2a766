"""Policy variables in Resource elements and condition values are resolved as in AWS."""

from typing import Any

import pytest
from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, parse_policy_document

from local_aws.iam import policy_variables


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_first_match", "_conditions_met", "_fnmatch_compile"):
        monkeypatch.setattr(iam_evaluator, name, getattr(iam_evaluator, name))  # put back at the end
    policy_variables.install()


def decision(resource: str, statement: dict[str, Any], **context: Any) -> str:
    keys = {
        "aws:username": "ann",
        "aws:principaltag/team": "vision",
        "aws:principaltag/star": "*",
        "aws:tagkeys": ["a", "b"],
    }
    ctx = EvalContext(
        principal_arn="arn:aws:iam::111122223333:user/ann",
        principal_type="User",
        principal_account="111122223333",
        action="s3:GetObject",
        resource_arn=resource,
        region="us-east-1",
        principal_keys=keys,
        service_context=context,
    )
    policy = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **statement}}
    return str(iam_evaluator.evaluate(ctx, [parse_policy_document(policy)]).decision)


@pytest.mark.parametrize(
    ("pattern", "resource"),
    [
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/ann/x"),
        ("arn:aws:s3:::b-${aws:PrincipalAccount}/*", "arn:aws:s3:::b-111122223333/x"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team}-?", "arn:aws:s3:::b/vision-1"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/none, 'nobody'}/*", "arn:aws:s3:::b/nobody/x"),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*"),
        ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/?"),
        ("arn:aws:s3:::b/${$}{x}", "arn:aws:s3:::b/${x}"),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a\nb"),
    ],
)
def test_a_resource_that_the_pattern_means_matches(pattern: str, resource: str) -> None:
    assert decision(resource, {"Resource": pattern}) == "Allow"


@pytest.mark.parametrize(
    ("pattern", "resource"),
    [
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/bob/x"),
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:username}/x"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/none}*", "arn:aws:s3:::b/x"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/none}", "arn:aws:s3:::b/"),
        ("arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/a"),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x"),
        ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/x"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/star}", "arn:aws:s3:::b/x"),
    ],
)
def test_no_other_resource_does(pattern: str, resource: str) -> None:
    assert decision(resource, {"Resource": pattern}) == "ImplicitDeny"


def test_a_value_s_own_wildcard_is_a_character() -> None:
    assert decision("arn:aws:s3:::b/*", {"Resource": "arn:aws:s3:::b/${aws:PrincipalTag/star}"}) == "Allow"


@pytest.mark.parametrize(
    ("operator", "expected", "prefix", "allowed"),
    [
        ("StringEquals", "home/${aws:username}", "home/ann", True),
        ("StringEquals", "home/${aws:username}", "home/bob", False),
        ("StringEquals", "${*}", "*", True),
        ("StringEquals", "${aws:PrincipalTag/star}", "*", True),
        ("StringLike", "home/${aws:username}/*", "home/ann/x", True),
        ("StringLike", "${aws:PrincipalTag/star}", "x", False),
        ("StringLikeIfExists", "home/${aws:username}/*", "home/bob/x", False),
        ("StringEquals", "home/${aws:PrincipalTag/none}", "home/", False),
        ("StringNotEquals", "${aws:PrincipalTag/none}", "x", True),
        ("ForAnyValue:StringLike", ["${aws:username}", "other"], "ann", True),
    ],
)
def test_a_condition_s_values_are_resolved(operator: str, expected: Any, prefix: str, allowed: bool) -> None:
    outcome = decision("arn:aws:s3:::b", {"Condition": {operator: {"s3:prefix": expected}}}, **{"s3:prefix": prefix})

    assert outcome == ("Allow" if allowed else "ImplicitDeny")


def test_what_a_statement_excludes_is_resolved_too() -> None:
    excluded = {"NotResource": "arn:aws:s3:::b/${aws:username}/*", "Resource": None}

    assert decision("arn:aws:s3:::b/ann/x", excluded) == "ImplicitDeny"
    assert decision("arn:aws:s3:::b/bob/x", excluded) == "Allow"
