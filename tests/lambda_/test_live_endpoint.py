"""The stack learns whether its endpoint exists, and fails where that does not run what it was given."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trained_model

from tests.lambda_.fakes import client_error
from tests.lambda_.world import ANSWER, World

INTENDED = {"EndpointName": "slipway-dev-cpux", "EndpointConfigName": "new"}


def ask(world: World, monkeypatch: pytest.MonkeyPatch, kind: str, **endpoint: Any) -> dict[str, Any]:
    """CloudFormation's answer for the check, where the endpoint is described as `endpoint`."""

    def describe(EndpointName: str) -> dict[str, Any]:
        return {"EndpointStatus": "InService", **endpoint}

    return answer_of(world, monkeypatch, describe, kind, "Custom::LiveEndpoint")


def answer_of(
    world: World, monkeypatch: pytest.MonkeyPatch, describe_endpoint: Callable[..., Any], kind: str, type_: str
) -> dict[str, Any]:
    client = SimpleNamespace(describe_endpoint=describe_endpoint)
    monkeypatch.setattr(trained_model.boto3, "client", lambda _: client)
    event = {
        "RequestType": kind, "ResourceType": type_, "ResponseURL": ANSWER, "StackId": "stack",
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


@pytest.mark.parametrize("found", [True, False])
def test_the_stack_learns_whether_there_is_an_endpoint(
    world: World, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    def describe(EndpointName: str) -> dict[str, str]:
        if not found:
            raise client_error("ValidationException", f'Could not find endpoint "{EndpointName}".')
        return {"EndpointStatus": "InService"}

    answer = answer_of(world, monkeypatch, describe, "Update", "Custom::ExistingEndpoint")
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"Exists": str(found).lower()})
    assert answer["PhysicalResourceId"] == "existing-endpoint"


def test_an_endpoint_that_may_not_be_seen_is_no_missing_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(EndpointName: str) -> None:
        raise client_error("AccessDeniedException", "not authorized to perform: sagemaker:DescribeEndpoint")

    answer = answer_of(world, monkeypatch, denied, "Create", "Custom::ExistingEndpoint")
    assert answer["Status"] == "FAILED"
