"""Scheduled actions: set the limits of a scalable target at given times.

The time factor does not affect these times. Source: PutScheduledAction, Application Auto Scaling API reference.
"""

import math
import secrets
import time
from datetime import datetime
from typing import Any

from ministack.core.responses import get_account_id, get_region

from aws.schedule import Schedule, ScheduleError
from local_aws.service import invalid, now


class ScheduledAction:
    """A scheduled action; `described` is its entry in DescribeScheduledActions.

    Raises:
        ApiError: a parameter is missing or invalid, or the action is never due.
    """

    def __init__(self, request: dict[str, Any], before: "ScheduledAction | None" = None) -> None:
        self.described: dict[str, Any] = (before.described if before else _identity(request)) | request
        for parameter in ("Schedule", "ScalableTargetAction"):
            if not self.described.get(parameter):
                raise invalid(f"a new scheduled action needs {parameter}")
        try:
            self._schedule = Schedule.parse(self.described["Schedule"], self.described.get("Timezone", "UTC"))
        except ScheduleError as error:
            raise invalid(str(error)) from error
        limits = self.described["ScalableTargetAction"]
        if limits.get("MinCapacity", 0) > limits.get("MaxCapacity", math.inf):
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        self._start = max(time.time(), _seconds(self.described.get("StartTime"), 0.0))
        self._end = _seconds(self.described.get("EndTime"), math.inf)
        self._next = self._after(self._start)
        if self._next is None:
            raise invalid(f"{self.described['Schedule']} is never due again")

    def due(self, moment: float) -> bool:
        """True if the action is due at `moment` (epoch seconds); only the first call for each due time returns true."""
        if self._next is None or moment < self._next:
            return False
        self._next = self._after(moment)
        return True

    def limits(self, minimum: int, maximum: int) -> tuple[int, int]:
        """Limits after the action: its own, or the current `minimum` and `maximum` where it sets none."""
        limits = self.described["ScalableTargetAction"]
        return limits.get("MinCapacity", minimum), limits.get("MaxCapacity", maximum)

    def _after(self, moment: float) -> float | None:
        found = self._schedule.next_after(moment, self._start)
        return found if found is not None and found <= self._end else None


def _identity(request: dict[str, Any]) -> dict[str, Any]:
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scheduledAction:{secrets.token_hex(16)}:resource/"
        f"{request['ServiceNamespace']}/{request['ResourceId']}:scheduledActionName/{request['ScheduledActionName']}"
    )
    return {"ScheduledActionARN": arn, "CreationTime": now()}


def _seconds(value: Any, missing: float) -> float:
    """Epoch seconds of a timestamp: a number from the API, or ISO 8601 text from CloudFormation."""
    if value is None:
        return missing
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)
