"""Rows that settle a doubt tell both of AWS's answers apart, from what a deploy leaves behind."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from local_aws.doubts import DOUBTS
from tools.prove.rows import alarms, training
from tools.prove.system import FunctionCall

ENDED = 1_000.0


class System:
    """The part of a ProvedSystem that these rows use: what a job and the function's log say, and a metric."""

    prefix, bucket = "slipway-prove", "bucket"
    facts = {  # noqa: RUF012
        "base": {"jobs": ["first"], "began": 0.0},
        "floor": {"jobs": ["second"]},
        "type": {"endpoint_before": "slipway-prove-1a2b"},
    }

    def __init__(self, *, matches: float = 1, calls: list[FunctionCall] | None = None, log: str = "") -> None:
        self.matches, self.calls, self.lines = matches, calls or [], log.splitlines()

    def until(self, look: Any, **_: float) -> Any:
        return look()

    def metric(self, *_: Any) -> float:
        return self.matches

    def job(self, name: str) -> dict[str, Any]:
        return {"SecondaryStatusTransitions": [{"StartTime": datetime.fromtimestamp(ENDED, UTC)}]}

    def outputs(self, _: str) -> dict[str, str]:
        return {"ModelDataUrl": "s3://bucket/models/1/model.tar.gz"}

    def function_calls(self, *_: str, since: float, until: float) -> list[FunctionCall]:
        return [call for call in self.calls if since <= call.ended <= until]

    def job_log(self, _: str) -> list[str]:
        return self.lines


@pytest.fixture(autouse=True)
def kept_after(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model was copied so many seconds after the job's end."""
    seconds = getattr(request, "param", 300)

    class S3:
        def head_object(self, **_: str) -> dict[str, datetime]:
            return {"LastModified": datetime.fromtimestamp(ENDED + seconds, UTC)}

    monkeypatch.setattr(boto3, "client", lambda _: S3())


def call(began: float, ended: float) -> FunctionCall:
    return FunctionCall(ENDED + began, ENDED + ended, f"REPORT {began}")


FOUND_NOTHING, KEPT_IT = call(0.1, 0.3), call(299.5, 301.0)


@pytest.mark.parametrize(
    ("calls", "answer"), [([KEPT_IT], "yes"), ([FOUND_NOTHING, KEPT_IT], DOUBTS["events-early"].other.split(";")[0])]
)
def test_an_early_event_is_seen_by_a_call_that_found_nothing_to_do(calls: list[FunctionCall], answer: str) -> None:
    told = training.status_with_the_event(System(calls=calls))  # type: ignore[arg-type]
    assert (told.answer.split(":")[0], told.ok) == (answer, True)


@pytest.mark.parametrize("kept_after", [0], indirect=True)
def test_a_second_call_beside_the_one_that_kept_the_model_is_no_early_event() -> None:
    """A doubled event calls the function twice at the same time."""
    told = training.status_with_the_event(System(calls=[call(0.2, 0.3), call(0.1, 0.9)]))  # type: ignore[arg-type]
    assert told.answer.split(":")[0] == "yes"


def test_an_event_that_did_not_come_was_neither_early_nor_in_time() -> None:
    told = training.status_with_the_event(System(matches=0, calls=[KEPT_IT]))  # type: ignore[arg-type]
    assert (told.answer, told.ok) == ("the event did not come", None)


@pytest.mark.parametrize(("matches", "answer"), [(2, "yes"), (4, "yes"), (1, "no"), (0, "no")])
def test_a_lost_event_is_seen_by_the_matches_of_the_rule(matches: float, answer: str) -> None:
    told = training.events_of_all_jobs(System(matches=matches))  # type: ignore[arg-type]
    assert (told.answer.split(":")[0], told.ok) == (answer, True)


IN_VAIN = "[W] [c10d] The IPv6 network addresses of (algo-1, 7777) cannot be retrieved (gai error: -2 - Name or …)."


@pytest.mark.parametrize(
    ("log", "answer", "ok"),
    [
        ("test:accuracy=0.9", "yes", True),
        (f"{IN_VAIN}\ntest:accuracy=0.9", "a few seconds later", True),
        (IN_VAIN, "a few seconds later", False),
    ],
)
def test_a_name_that_is_late_is_seen_by_pytorch_s_warning(log: str, answer: str, ok: bool) -> None:
    """The warning is that of torch 2.13's c10d where it is given a name that nothing resolves."""
    told = training.host_names_resolve(System(log=log))  # type: ignore[arg-type]
    assert (told.answer.split(":")[0], told.ok) == (answer, ok)


@pytest.mark.parametrize(("groups", "answer"), [([], "yes"), (["/aws/sagemaker/Endpoints/slipway-prove-1a2b"], "no")])
def test_a_log_group_that_was_made_again_is_found(
    monkeypatch: pytest.MonkeyPatch, groups: list[str], answer: str
) -> None:
    def listed(*_: str, logGroupNamePrefix: str) -> list[dict[str, str]]:
        return [{"logGroupName": name} for name in groups if name.startswith(logGroupNamePrefix)]

    monkeypatch.setattr(alarms, "pages", listed)
    told = alarms.log_group_stays_away(System())  # type: ignore[arg-type]
    assert (told.answer.split(":")[0], told.ok) == (answer, True)
