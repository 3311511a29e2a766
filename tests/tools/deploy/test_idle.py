"""Only one deploy of a stage at a time: the other is told which stack is being changed, and since when."""

import datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.deploy.idle import StackBusy, require_idle

SINCE = datetime.datetime(2026, 11, 28, 7, 5, tzinfo=datetime.UTC)


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    known: dict[str, Any] = {}

    def describe(StackName: str) -> dict[str, Any]:
        if StackName not in known:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        return {"Stacks": [known[StackName]]}

    monkeypatch.setattr(boto3, "client", lambda _: SimpleNamespace(describe_stacks=describe))
    return known


@pytest.mark.parametrize(
    "status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]
)
def test_a_stack_that_is_being_changed_is_named_with_the_time(stacks: dict[str, Any], status: str) -> None:
    stacks["b"] = {"StackStatus": status, "CreationTime": None, "LastUpdatedTime": SINCE}
    with pytest.raises(StackBusy, match=rf"^stack b is being changed since 2026-11-28 07:05:00 UTC \({status}\)"):
        require_idle(["a", "b"])


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        (False, "This one changed nothing"),
        (True, "had changed before stays, and make live with the same SETTINGS compares it"),
    ],
)
def test_it_says_whether_this_deploy_may_have_changed_something(stacks: dict[str, Any], begun: bool, told: str) -> None:
    stacks["b"] = {"StackStatus": "UPDATE_IN_PROGRESS", "CreationTime": None, "LastUpdatedTime": SINCE}
    with pytest.raises(StackBusy, match=told):
        require_idle(["a", "b"], begun=begun)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"]
)
def test_other_stacks_can_be_deployed(stacks: dict[str, Any], status: str) -> None:
    stacks["a"] = {"StackStatus": status, "CreationTime": SINCE}
    require_idle(["a", "not there"])
