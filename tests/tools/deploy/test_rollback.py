"""A roll-back that only the endpoint holds up goes on without it, if the endpoint runs the old model."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from tools.deploy import rollback

STUCK = {
    "StackStatus": "UPDATE_ROLLBACK_FAILED",
    "StackStatusReason": "The following resource(s) failed to update: [Endpoint]. ",
}


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Look at a stack in a state, whose endpoint runs a configuration; returns the CLI's calls."""

    def run(state: dict[str, str], live: str = "old") -> list[tuple[str, ...]]:
        done: list[tuple[str, ...]] = []
        clients: dict[str, Any] = {
            "cloudformation": SimpleNamespace(
                describe_stacks=lambda StackName: {"Stacks": [state]}, exceptions=SimpleNamespace(ClientError=KeyError)
            ),
            "sagemaker": SimpleNamespace(describe_endpoint=lambda EndpointName: {"EndpointConfigName": live}),
        }
        monkeypatch.setattr(boto3, "client", lambda service: clients[service])
        monkeypatch.setattr(rollback.cdk, "run", lambda *arguments, **_: done.append(arguments))
        monkeypatch.setattr(rollback, "outputs", lambda _: {"EndpointName": "e", "EndpointConfigName": "old"})
        assembly: Any = SimpleNamespace(
            stack=lambda suffix: f"slipway-dev-{suffix}",
            template=lambda _: {"Resources": {"Endpoint": {"Type": "AWS::SageMaker::Endpoint"}}},
            folder="cdk.out",
        )
        rollback.finish_rollback(assembly, say=lambda _: None)
        return done

    return run


def test_the_endpoint_is_left_out(finish: Any) -> None:
    """ "Continue rolling back an update", CloudFormation user guide."""
    [call] = finish(STUCK)
    assert call[:4] == ("rollback", "slipway-dev-serving", "--orphan", "Endpoint")


@pytest.mark.parametrize(
    ("state", "live"),
    [
        ({"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}, "old"),
        ({**STUCK, "StackStatusReason": "The following resource(s) failed to update: [Endpoint, Role]. "}, "old"),
        ({**STUCK, "StackStatusReason": "The following resource(s) failed to delete: [Model]. "}, "old"),
        (STUCK, "new"),
    ],
)
def test_any_other_state_is_left_alone(finish: Any, state: dict[str, str], live: str) -> None:
    assert finish(state, live) == []
