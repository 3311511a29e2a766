"""Extracts a training job's metrics from its output by its MetricDefinitions."""

import contextlib
import math
import re
import time
from collections import defaultdict
from typing import Any

from ministack.services import cloudwatch

from aws.log_groups import TRAINING_JOBS
from local_aws import doubts
from local_aws.iam.principal import RoleSession
from local_aws.service import ApiError, now

_LATE_SECONDS = 3.0


class JobMetrics:
    """All values of a job's metrics, each of which is published to CloudWatch."""

    def __init__(self, job: str, definitions: list[dict[str, str]], session: RoleSession) -> None:
        self._job, self._session = job, session
        self._patterns = {definition["Name"]: re.compile(definition["Regex"]) for definition in definitions}
        self._last: dict[str, dict[str, Any]] = {}
        self._values: dict[str, list[float]] = defaultdict(list)
        self._ended_at = math.inf  # by the monotonic clock

    def values(self, metric: str) -> list[float]:
        """All values of one metric so far, oldest first."""
        return list(self._values[metric])

    @property
    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList of the job: the last value of each metric."""
        late = doubts.other("metrics-late") and time.monotonic() - self._ended_at < _LATE_SECONDS
        return [] if late else list(self._last.values())

    def end(self) -> None:
        """Note that the job has ended."""
        self._ended_at = time.monotonic()

    def observe(self, line: str) -> None:
        """Extract the metrics of one line of output."""
        for name, pattern in self._patterns.items():
            if match := pattern.search(line):
                with contextlib.suppress(ValueError):
                    value = float(match.group(1))
                    self._values[name].append(value)
                    self._last[name] = {"MetricName": name, "Value": value, "Timestamp": now()}
                    self._publish(name, value)

    def _publish(self, metric: str, value: float) -> None:
        """Publish a value as the job's role; without the permission the job continues, as on AWS."""
        with contextlib.suppress(ApiError):
            self._session.require("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": TRAINING_JOBS})
            cloudwatch.record_metric(TRAINING_JOBS, metric, value, dimensions={"TrainingJobName": self._job})
