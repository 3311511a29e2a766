"""The door lets nothing through that must not reach MiniStack."""

import asyncio
from typing import Any

import pytest

from local_aws.front_door import guarded
from local_aws.processes import ENDING


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


async def _ask(path: str) -> int:
    """The status of the answer; 0 if there is none."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    door: Any = guarded(_application)
    call = asyncio.create_task(door({"type": "http", "path": path, "headers": []}, receive, send))
    await asyncio.sleep(0)  # nothing here waits for anything, so one turn of the loop ends a call that is answered
    call.cancel()
    return int(sent[0]["status"]) if sent else 0


@pytest.mark.parametrize(("path", "status"), [("/bucket/key", 200), ("/_ministack/reset", 403)])
def test_what_checks_no_caller_is_refused(path: str, status: int) -> None:
    assert asyncio.run(_ask(path)) == status


def test_a_run_that_ends_answers_nothing_more() -> None:
    """Or a deploy would hear that a job failed, when only its processes were ended with the run."""
    ENDING.set()
    try:
        assert asyncio.run(_ask("/bucket/key")) == 0
    finally:
        ENDING.clear()
