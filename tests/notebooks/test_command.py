"""`make notebook`: Ctrl-C says what the notebook has made and bills on, and how to end it."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from notebooks import __main__ as command
from tools.deploy.inventory import DeployedResource


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The line after Ctrl-C, where these jobs and endpoints run in the account."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def run(*running: DeployedResource | Exception) -> str:
        def jobs(_: object) -> Iterator[DeployedResource]:
            for each in running:
                if isinstance(each, Exception):
                    raise each
                yield each

        monkeypatch.setattr(sys, "argv", ["notebook"])
        monkeypatch.setattr(command, "execute", interrupted)
        monkeypatch.setattr(command, "running_jobs", jobs)
        monkeypatch.setattr(command, "endpoints", lambda _: ())
        assert command.main() == 130
        [line] = capsys.readouterr().err.splitlines()
        return line

    return run


def test_jobs_and_endpoints_of_the_notebook_are_named_and_no_others(said: Any) -> None:
    job = DeployedResource("training job", "slipway-dev-nb-one-20261128")
    endpoint = DeployedResource("endpoint", "slipway-dev-note")
    assert said(job, DeployedResource("training job", "slipway-dev-0123456789ab-1"), endpoint) == (
        "stopped here; in AWS these run on and bill: training job slipway-dev-nb-one-20261128, endpoint "
        "slipway-dev-note. End them: aws sagemaker stop-training-job --training-job-name slipway-dev-nb-one-20261128; "
        "aws sagemaker delete-endpoint --endpoint-name slipway-dev-note"
    )


def test_a_parameter_without_a_value_is_refused_before_it_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["notebook", "-p", "EPOCHS"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "EPOCHS is not NAME=VALUE" in capsys.readouterr().err


def test_without_any_nothing_runs(said: Any) -> None:
    assert said() == "stopped; nothing of it runs in AWS"


def test_where_aws_does_not_say_that_is_said(said: Any) -> None:
    assert said(NoCredentialsError()).startswith("stopped; AWS does not say what of it runs on there (")
