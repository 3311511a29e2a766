"""`make preflight`: a line for each check, exit code 1 if something is wrong, and JSON for programs."""

import json
import sys
from collections.abc import Callable

import pytest

from tools.deploy.preflight import __main__ as command
from tools.deploy.preflight.run import Finding
from tools.deploy.preflight.target import Target

RIGHT = Finding("right", "right", "text")
UNKNOWN, WRONG = Finding("unknown", "unknown", "text"), Finding("wrong", "wrong", "text")


@pytest.fixture
def preflight(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command, whose checks find what is given."""

    def run(*found: Finding, arguments: tuple[str, ...] = ()) -> int:
        def check(target: Target) -> list[Finding]:
            assert (target.settings.stage, target.account, target.region) == ("prod", "123456789012", "eu-west-1")
            assert target.assembly() == {"stage": "prod"}
            return list(found)

        monkeypatch.setattr(sys, "argv", ["preflight", "--settings", "stage=prod", *arguments])
        monkeypatch.setattr(command, "require_aws", lambda: ("123456789012", "eu-west-1"))
        monkeypatch.setattr(command, "synthesize", lambda given: given)
        monkeypatch.setattr(command, "run", check)
        return command.main()

    return run


def test_each_finding_is_a_line(preflight: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert preflight(RIGHT, UNKNOWN) == 0
    assert capsys.readouterr().out.splitlines() == [
        "to account 123456789012, region eu-west-1",
        "right    right: text",
        "unknown  unknown: text",
    ]


def test_programs_get_json_and_an_exit_code(preflight: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert preflight(RIGHT, WRONG, arguments=("--json",)) == 1
    assert json.loads(capsys.readouterr().out)[1] == {"check": "wrong", "state": "wrong", "text": "text"}
