"""State-change events that SageMaker sends to EventBridge."""

import json
import math
import time
from collections import Counter
from typing import Any

from ministack.services import eventbridge

from local_aws import doubts
from local_aws.clock import time_factor

_TICK_SECONDS = 1.0
_STATUS_LATE_SECONDS = 5.0  # longer than a busy machine takes to call the function
_ends: Counter[str] = Counter()  # ends of jobs so far, by kind


def install() -> None:
    """Run `rate(…)` schedules by the time factor, where events are lost or early and only a schedule makes that good.

    Elsewhere they run in real time: a sweep every few seconds would hide a rule that does not work.
    """
    if not (doubts.other("events-lost") or doubts.other("events-early")):
        return
    original = eventbridge._parse_rate_seconds

    def real_seconds(expression: str) -> float | None:
        seconds: int | None = original(expression)
        return None if seconds is None else seconds / time_factor()

    eventbridge._parse_rate_seconds = real_seconds
    eventbridge._SCHEDULER_TICK_INTERVAL = _TICK_SECONDS


def announce(kind: str, arn: str, description: dict[str, Any], *, ended: bool = False) -> None:
    """Send the event `SageMaker <kind> State Change` with the response of Describe…, times in epoch milliseconds.

    Source: "Events from SageMaker AI", EventBridge section of the SageMaker developer guide.
    """
    if ended:
        _ends[kind] += 1
        if doubts.other("events-lost") and _ends[kind] % 2:
            return
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": f"SageMaker {kind} State Change",
        "Detail": json.dumps(description, default=lambda value: int(value.timestamp() * 1000)),
        "Resources": [arn],
    }
    times = 2 if doubts.other("events-doubled") else 1
    eventbridge._put_events({"Entries": [entry] * times}, allow_aws_source=True)


class LateStatus:
    """Hides a job's end for a while after the first look at it, where its event is early."""

    def __init__(self) -> None:
        self._until = math.nan  # by the monotonic clock

    def hides_the_end(self) -> bool:
        """True if descriptions of a job that has ended do not show it yet."""
        if math.isnan(self._until):
            self._until = time.monotonic() + (_STATUS_LATE_SECONDS if doubts.other("events-early") else 0)
        return time.monotonic() < self._until
