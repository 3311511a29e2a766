"""The policies: what was needed and nothing else, each within IAM's limit."""

import json

import pytest

from tools.deployer_policy.needs import Need
from tools.deployer_policy.policies import MAX_CHARACTERS, MAX_POLICIES, Document, TooManyPolicies, documents

Allowed = set[tuple[str, str, str]]


def allowed(policies: list[Document]) -> Allowed:
    return {
        (action, resource, json.dumps(statement.get("Condition")))
        for policy in policies
        for statement in policy["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
        if statement["Effect"] == "Allow"
    }


def test_they_allow_what_is_needed_and_nothing_else(needs: list[Need]) -> None:
    conditions = {need.condition for need in needs}
    as_json = {c: json.dumps({c[0]: {c[1]: c[2]}} if c else None) for c in conditions}
    assert allowed(documents(needs)) == {(need.action, need.resource, as_json[need.condition]) for need in needs}


def test_each_is_within_the_limit_and_there_are_no_more_than_a_role_can_have(needs: list[Need]) -> None:
    """White space is not counted: "IAM and AWS STS quotas", IAM user guide."""
    policies = documents(needs)
    sizes = [len(json.dumps(policy, separators=(",", ":"))) for policy in policies]
    assert max(sizes) <= MAX_CHARACTERS
    assert 1 < len(policies) <= MAX_POLICIES


def test_the_same_needs_make_the_same_policies_in_any_order(needs: list[Need]) -> None:
    assert documents(reversed(needs)) == documents(needs)


def test_a_statement_larger_than_a_policy_is_split_and_loses_nothing() -> None:
    many = [Need("s3:GetObject", f"arn:aws:s3:::bucket/{number:0100}") for number in range(100)]
    policies = documents(many)
    assert len(policies) > 1
    assert allowed(policies) == {(need.action, need.resource, "null") for need in many}


def test_more_than_a_role_can_have_is_an_error() -> None:
    many = [Need("s3:GetObject", f"arn:aws:s3:::bucket/{number:0100}") for number in range(1000)]
    with pytest.raises(TooManyPolicies, match="a role can have 10"):
        documents(many)
