"""Rows about what AWS refuses."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.prove.rows import alarms, deploys

BUSY = "Stack:arn is in UPDATE_IN_PROGRESS state and can not be updated."


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Operation")


@pytest.mark.parametrize(
    ("refused", "ok"),
    [
        ({"CreateChangeSet": BUSY, "ExecuteChangeSet": "ChangeSetNotFound"}, True),
        ({"CreateChangeSet": "other words", "ExecuteChangeSet": BUSY}, False),
        ({"CreateChangeSet": BUSY, "ExecuteChangeSet": ""}, False),
        ({}, None),
    ],
)
def test_a_busy_stack_has_to_refuse_both_the_new_change_set_in_the_known_words(
    refused: dict[str, str], ok: bool | None
) -> None:
    system: Any = SimpleNamespace(facts={"floor": {"refused": refused, "failure": ""}})
    assert deploys.busy_stack_is_left_alone(system).ok is ok


class S3:
    """A bucket that heeds the condition of a deletion, or does not."""

    def __init__(self, heeds: bool) -> None:
        self.heeds, self.there = heeds, False

    def put_object(self, **_: Any) -> dict[str, str]:
        self.there = True
        return {"ETag": '"own"'}

    def delete_object(self, Bucket: str, Key: str, IfMatch: str = "*") -> None:
        if self.heeds and IfMatch not in ("*", '"own"'):
            raise error("PreconditionFailed")
        self.there = False


@pytest.mark.parametrize("heeds", [True, False])
def test_a_deletion_on_a_condition_is_tried_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, heeds: bool) -> None:
    s3 = S3(heeds)
    monkeypatch.setattr(boto3, "client", lambda _: s3)
    system: Any = SimpleNamespace(bucket="bucket")
    assert deploys.conditional_delete(system).ok is heeds
    assert not s3.there


@pytest.mark.parametrize(
    ("region", "there", "ok"),
    [("eu-west-1", True, True), ("eu-west-1", False, False), ("eu-north-1", False, True), ("eu-north-1", True, False)],
)
def test_the_region_s_budgets_are_compared_with_the_template_s_condition(
    monkeypatch: pytest.MonkeyPatch, region: str, there: bool, ok: bool
) -> None:
    class CloudFormation:
        def describe_type(self, **_: str) -> dict[str, str]:
            if not there:
                raise error("TypeNotFoundException")
            return {"Arn": "arn"}

    monkeypatch.setattr(boto3, "client", lambda _: CloudFormation())
    system: Any = SimpleNamespace(region=region)
    assert alarms.budget_in_this_region(system).ok is ok
