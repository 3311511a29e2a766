"""Ctrl-C in a deploy: one line says what runs on in AWS and bills, and the command that ends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from settings import read_settings
from tools.deploy import interrupted, inventory
from tools.deploy.interrupted import Interrupted, saying_what_runs
from tools.deploy.inventory import Deployment

PREFIX = "slipway-prod-"


class Account:
    """Listings of stacks, training jobs, tuning jobs and endpoints."""

    def __init__(self, **listed: list[dict[str, Any]]) -> None:
        self.listed = listed

    def pages(self, service: str, operation: str, key: str, **_: Any) -> Iterator[dict[str, Any]]:
        return iter(self.listed.get(operation, []))


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """The line after Ctrl-C in an account."""

    def interrupt(account: Any) -> str:
        monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path))
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        for module in (interrupted, inventory):
            monkeypatch.setattr(module, "pages", account.pages)
        settings = read_settings({"stage": "prod"})
        with pytest.raises(Interrupted) as raised, saying_what_runs(Deployment("slipway", "prod", "1"), settings):
            raise KeyboardInterrupt
        assert "\n" not in str(raised.value)
        return str(raised.value)

    return interrupt


def stack(name: str, status: str) -> dict[str, Any]:
    return {"StackName": name, "StackStatus": status}


JOB = {"TrainingJobName": f"{PREFIX}12ab-1", "TrainingJobStatus": "InProgress"}


def test_stacks_that_change_jobs_and_endpoints_are_named_with_the_command(line: Any) -> None:
    account = Account(
        describe_stacks=[
            stack(f"{PREFIX}storage", "CREATE_COMPLETE"),
            stack(f"{PREFIX}trained-model", "CREATE_IN_PROGRESS"),
            stack(f"{PREFIX}serving", "REVIEW_IN_PROGRESS"),  # has change sets alone
            stack("slipway-prod2-storage", "CREATE_IN_PROGRESS"),  # another stage
        ],
        list_training_jobs=[JOB, {"TrainingJobName": f"{PREFIX}12ab-0", "TrainingJobStatus": "Failed"}],
        list_endpoints=[{"EndpointName": f"{PREFIX}4bd2"}],
    )
    assert line(account) == (
        "stopped here; in AWS these run on and bill: stack slipway-prod-trained-model (CREATE_IN_PROGRESS), "
        "training job slipway-prod-12ab-1, endpoint slipway-prod-4bd2. "
        'End everything: make destroy SETTINGS="stage=prod"'
    )


def test_a_stack_that_is_being_updated_cannot_be_deleted_yet(line: Any) -> None:
    """CloudFormation's message: https://github.com/aws/aws-toolkit-azure-devops/issues/317."""
    said = line(Account(describe_stacks=[stack(f"{PREFIX}serving", "UPDATE_IN_PROGRESS")]))
    assert said.endswith('make destroy SETTINGS="stage=prod" (once the update has ended)')


def test_stacks_that_are_there_bill_and_without_any_nothing_does(line: Any) -> None:
    assert "what is deployed bills on. End" in line(Account(describe_stacks=[stack(f"{PREFIX}a", "CREATE_COMPLETE")]))
    assert line(Account()) == "stopped; nothing runs in AWS"


def test_where_aws_does_not_say_the_command_is_told_all_the_same(line: Any) -> None:
    class Silent:
        def pages(self, *_: Any, **__: Any) -> None:
            raise NoCredentialsError

    assert line(Silent()).endswith('End everything: make destroy SETTINGS="stage=prod"')


def test_another_end_passes() -> None:
    settings: Any = None
    with pytest.raises(ZeroDivisionError), saying_what_runs(Deployment("slipway", "prod", "1"), settings):
        raise ZeroDivisionError
