"""Moves an endpoint's calls from its old fleet to a new one, step by step, watching alarms."""

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from local_aws.clock import real_seconds
from local_aws.sagemaker.deployment import Deployment
from local_aws.sagemaker.traffic import Traffic, mix

T = TypeVar("T")

_LOOK_SECONDS = 0.1


class RolledBack(Exception):
    """The old fleet takes all calls again; carries the endpoint's FailureReason."""


class Shift(Generic[T]):
    """One deployment under way: `blue` is the old fleet, `green` the new one.

    `in_alarm` names the alarms that are in ALARM; `on_status` hears the stage, in SageMaker's words. The limit of the
    deployment is in real seconds from `started` (of `time.monotonic`), since starting instances takes real time.
    """

    def __init__(
        self,
        deployment: Deployment,
        traffic: Traffic[T],
        *,
        blue: Sequence[T],
        green: Sequence[T],
        in_alarm: Callable[[], list[str]],
        on_status: Callable[[str, str], None],
        started: float,
    ) -> None:
        self._deployment, self._traffic = deployment, traffic
        self._blue, self._green = blue, green
        self._in_alarm, self._on_status = in_alarm, on_status
        self._end = started + deployment.limit if deployment.limit is not None else None

    def run(self) -> None:
        """Shift all calls to the new fleet; the old one can end when this returns.

        Raises:
            RolledBack: an alarm rang, or it took too long.
            Exception: what `in_alarm` raised; the old fleet takes all calls then too.
        """
        try:
            for step in self._deployment.steps:
                message = f"{step.green} of {len(self._green)} new instances take calls"
                self._on_status("ActivatingTraffic", message)
                self._traffic.set(mix(self._blue, self._green, step.green))
                self._on_status("Baking", message)
                self._watch(step.seconds)
            self._watch(self._deployment.termination_wait)
        except BaseException:
            self._traffic.set(self._blue)
            raise

    def _watch(self, seconds: float) -> None:
        """Look at the alarms for that long, and once more at its end."""
        end = time.monotonic() + real_seconds(seconds)
        while True:
            if alarms := self._in_alarm():
                raise RolledBack(f"Deployment rolled back: CloudWatch alarms in ALARM: {', '.join(alarms)}.")
            now = time.monotonic()
            if self._end is not None and now > self._end:
                raise RolledBack(f"Deployment rolled back: it took more than {self._deployment.limit} seconds.")
            if now >= end:
                return
            time.sleep(min(_LOOK_SECONDS, end - now))
