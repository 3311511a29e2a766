"""A deploy that meets an endpoint which is being scaled waits for it and goes on."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from tools import cdk
from tools.deploy import stacks
from tools.deploy.idle import StackBusy

REFUSED = 'UPDATE_FAILED: Cannot update in-progress endpoint "arn:aws:sagemaker:eu-west-1:1:endpoint/slipway-dev-cpux".'


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Deploys with the CLI's failures in turn; returns what was done."""

    def run(*failures: str) -> list[str]:
        done: list[str] = []
        left = list(failures)

        def cli(*arguments: str, **_: object) -> list[str]:
            done.append(arguments[0])
            if left:
                raise cdk.CdkFailed(left.pop(0))
            return []

        waiter = SimpleNamespace(wait=lambda EndpointName: done.append(f"wait for {EndpointName}"))
        monkeypatch.setattr(stacks.cdk, "run", cli)
        monkeypatch.setattr(stacks, "JobLog", lambda *_: nullcontext())
        monkeypatch.setattr(stacks, "require_aws", lambda: None)
        monkeypatch.setattr(stacks, "finish_rollback", lambda *_, **__: None)
        monkeypatch.setattr(stacks, "outputs", lambda _: {"EndpointName": "slipway-dev-cpux"})
        monkeypatch.setattr(boto3, "client", lambda _: SimpleNamespace(get_waiter=lambda _: waiter))
        assembly: Any = SimpleNamespace(
            stack=lambda suffix: f"slipway-dev-{suffix}", prefix="slipway-dev", folder="cdk.out", stacks=["s"]
        )
        stacks.deploy(assembly, say=lambda _: None)
        return done

    return run


def test_it_waits_for_the_endpoint_and_deploys_again(deploy: Any) -> None:
    assert deploy(REFUSED) == ["deploy", "wait for slipway-dev-cpux", "deploy"]


def test_a_second_refusal_and_any_other_failure_are_failures(deploy: Any) -> None:
    for failures in ((REFUSED, REFUSED), ("UPDATE_FAILED: another reason",)):
        with pytest.raises(cdk.CdkFailed):
            deploy(*failures)


def test_a_refusal_because_another_deploy_runs_names_the_stack(deploy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation's words: https://github.com/remind101/empire/issues/932."""

    def busy(stacks: list[str], *, begun: bool) -> None:
        assert begun  # other stacks may have been changed before
        raise StackBusy(f"stack {stacks[0]} is being changed")

    monkeypatch.setattr(stacks, "require_idle", busy)
    with pytest.raises(StackBusy, match="stack s is being changed"):
        deploy("ValidationError: Stack:arn:… is in UPDATE_IN_PROGRESS state and can not be updated.")
