"""The CDK's command line as make targets run it."""

import os
from typing import Any

import pytest

from local_aws.ports import free_port
from tools import cdk


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that replace this process."""
    taken: list[list[str]] = []

    def execve(_: Any, arguments: list[str], __: Any) -> None:
        taken.append(arguments[3:])  # without Node, the CLI and --no-notices
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", execve)
    return taken


def test_diff_says_how_to_get_an_aws_where_there_is_none(
    executed: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{free_port()}")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    assert cdk.main(["diff"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: nothing answers at ")
    assert "make local" in line
    assert executed == []


def test_settings_become_context_of_the_cli(executed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.preflight.require_aws", lambda: ("1", "eu-west-1"))
    with pytest.raises(SystemExit):
        cdk.main(["diff", "--settings", "stage=prod epochs=3"])
    assert executed == [["diff", "-c", "stage=prod", "-c", "epochs=3"]]


def test_what_is_no_setting_is_an_error_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cdk.main(["diff", "--settings", "prod"]) == 1
    assert capsys.readouterr().err == "error: prod is not NAME=VALUE: quote a value with spaces, NAME='…'\n"
