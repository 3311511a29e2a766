"""The stack fails where the endpoint does not run what it was given, and CloudFormation then cleans up nothing live."""

from types import SimpleNamespace
from typing import Any

import pytest
import trained_model

from tests.lambda_.world import ANSWER, World

INTENDED = {"EndpointName": "slipway-dev-cpux", "EndpointConfigName": "new"}


def ask(world: World, monkeypatch: pytest.MonkeyPatch, kind: str, **endpoint: Any) -> dict[str, Any]:
    """CloudFormation's answer for the check, where the endpoint is described as `endpoint`."""
    client = SimpleNamespace(describe_endpoint=lambda EndpointName: {"EndpointStatus": "InService", **endpoint})
    monkeypatch.setattr(trained_model.boto3, "client", lambda _: client)
    event = {
        "RequestType": kind, "ResourceType": "Custom::LiveEndpoint", "ResponseURL": ANSWER, "StackId": "stack",
        "RequestId": "request", "LogicalResourceId": "Live", "ResourceProperties": INTENDED,
    }  # fmt: skip
    trained_model.handler(event, None)
    return world.cloudformation.sent_to(ANSWER)[-1]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_an_endpoint_with_the_intended_configuration_is_a_success(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    answer = ask(world, monkeypatch, kind, EndpointConfigName="new")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "live-endpoint")


def test_one_that_was_taken_back_fails_the_stack_with_sagemakers_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(world, monkeypatch, "Update", EndpointConfigName="old", FailureReason="alarm errors rang")
    assert answer["Status"] == "FAILED"
    assert "slipway-dev-cpux runs old, not new" in answer["Reason"]
    assert "alarm errors rang" in answer["Reason"]


def test_its_deletion_asks_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(world, monkeypatch, "Delete", EndpointConfigName="old")["Status"] == "SUCCESS"
