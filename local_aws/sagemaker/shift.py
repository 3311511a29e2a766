"""Shifts an endpoint's calls from the old fleet to a new one, step by step, while watching alarms."""

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from local_aws.clock import real_seconds
from local_aws.sagemaker.deployment import DeploymentPlan
from local_aws.sagemaker.traffic import Traffic, mix

T = TypeVar("T")

_POLL_SECONDS = 0.1


class RolledBack(Exception):
    """The deployment was rolled back to the old fleet; the message is the endpoint's FailureReason."""


class Shift(Generic[T]):
    """Traffic shift of one deployment: `blue` is the old fleet, `green` the new one.

    `in_alarm` returns the names of alarms in state ALARM; `on_status` receives SageMaker's status and a message. The
    deployment's timeout is in real seconds from `started` (of `time.monotonic`), since instances start in real time.
    """

    def __init__(
        self,
        deployment: DeploymentPlan,
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
        """Shift all calls to the new fleet; the old one can end when this returns. On error the old fleet keeps them.

        Raises:
            RolledBack: an alarm went off, or the deployment took too long.
            Exception: an error of `in_alarm`.
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
        """Poll the alarms for that many AWS seconds, and once more at the end."""
        end = time.monotonic() + real_seconds(seconds)
        while True:
            if alarms := self._in_alarm():
                raise RolledBack(f"Deployment rolled back: CloudWatch alarms in ALARM: {', '.join(alarms)}.")
            now = time.monotonic()
            if self._end is not None and now > self._end:
                raise RolledBack(f"Deployment rolled back: it took more than {self._deployment.limit} seconds.")
            if now >= end:
                return
            time.sleep(min(_POLL_SECONDS, end - now))
