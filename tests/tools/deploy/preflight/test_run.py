"""Checks run at once, each ends in lines of its own, and what is slow, denied or wrong stops none of the others."""

import threading

import pytest
from botocore.exceptions import ClientError

from tests.tools.deploy.preflight.conftest import Aws, target
from tools.deploy.preflight import run as module
from tools.deploy.preflight.run import Finding, in_background, require_ready, run
from tools.deploy.preflight.target import Check, Target, Unknown
from tools.preflight import NotReady
from training.errors import ReportedError

NEVER = threading.Event()


def right(_: Target) -> str:
    return "as it should be"


def wrong(_: Target) -> str:
    raise NotReady(["one: mend it", "another: mend it"])


def denied(_: Target) -> str:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Ask")


def unsure(_: Target) -> str:
    raise Unknown("who knows")


def slow(_: Target) -> str:
    NEVER.wait()
    return "too late"


def broken(_: Target) -> str:
    raise ZeroDivisionError


def found(*checks: Check, to: Target | None = None) -> list[str]:
    findings = run(to or target(), [(check.__name__, check) for check in checks])
    return [str(finding) for finding in findings]


@pytest.fixture(autouse=True)
def _no_aws(aws: Aws) -> None: ...


def test_each_check_says_what_it_found_in_the_order_of_the_list() -> None:
    assert found(denied, right, wrong, unsure) == [
        "unknown  denied: An error occurred (AccessDenied) when calling the Ask operation: no",
        "right    right: as it should be",
        "wrong    wrong: one: mend it",
        "wrong    wrong: another: mend it",
        "unknown  unsure: who knows",
    ]


def test_one_without_an_answer_in_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0)
    monkeypatch.setattr(module, "_AFTER_SYNTH", 0.1)
    assert found(slow) == ["unknown  slow: no answer in 0 seconds"]


def test_all_run_at_once() -> None:
    both = threading.Barrier(2)

    def meets(_: Target) -> str:
        both.wait()
        return "met"

    assert found(meets, meets) == ["right    meets: met"] * 2


def test_a_mistake_of_ours_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        found(right, broken)


def test_an_app_that_cannot_be_synthesized_ends_it_with_its_reason() -> None:
    def fail() -> None:
        raise ReportedError("no such setting")

    given = target()
    to = Target(given.settings, given.account, given.region, in_background(fail).result)
    with pytest.raises(ReportedError, match="no such setting"):
        found(right, to=to)


def test_a_deploy_goes_on_unless_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    findings = [Finding("a", "right", "x"), Finding("b", "unknown", "y")]
    monkeypatch.setattr(module, "run", lambda _: findings)
    require_ready(target(), say=lines.append)
    assert lines == ["preflight: 1 of 2 checks are right", "unknown  b: y"]
    findings.append(Finding("c", "wrong", "z"))
    with pytest.raises(NotReady, match="nothing was created: mend what is wrong"):
        require_ready(target(), say=lines.append)
    assert lines[-1] == "wrong    c: z"
