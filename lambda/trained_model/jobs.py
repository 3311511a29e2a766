"""SageMaker training jobs, as far as a stack that waits for one needs them."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

_logger = logging.getLogger(__name__)
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_ACCURACY = "test:accuracy"
_PROPAGATION_SECONDS = 60
_PAUSE_SECONDS = 5


@dataclass(frozen=True)
class Job:
    """A training job as SageMaker describes it."""

    name: str
    status: str
    """InProgress, Completed, Failed, Stopping or Stopped."""
    reason: str
    test_accuracy: float | None
    """In 0..1; None when the job logged none."""

    @property
    def why_not(self) -> str:
        """For a job that failed or was stopped: what happened, and where to read more."""
        return (
            f"training job {self.name} {self.status.lower()}: {self.reason} "
            f"(log group {_LOG_GROUP}, streams {self.name}/…)"
        )


class Jobs:
    """The jobs whose names start with `prefix`, reached with `sagemaker`, a boto3 client."""

    def __init__(self, sagemaker: Any, prefix: str) -> None:
        self._sagemaker = sagemaker
        self._prefix = prefix

    def name(self, digest: str, attempt: int) -> str:
        return f"{self._prefix}{digest[:12]}-{attempt}"

    def of(self, digest: str) -> Iterator[Job]:
        """The jobs of a digest, first attempt first."""
        for attempt in count(1):
            job = self.find(self.name(digest, attempt))
            if job is None:
                return
            yield job

    def find(self, name: str) -> Job | None:
        try:
            found = self._sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if "not found" in error.response["Error"]["Message"].lower():
                return None
            raise
        metrics = {metric["MetricName"]: metric["Value"] for metric in found.get("FinalMetricDataList", [])}
        return Job(
            name=name,
            status=found["TrainingJobStatus"],
            reason=found.get("FailureReason") or found.get("SecondaryStatus", "no reason given"),
            test_accuracy=metrics.get(_ACCURACY),
        )

    def start(self, name: str, request: Mapping[str, Any]) -> None:
        """Create the job; a job of this name that is there already is taken for it.

        A role takes seconds to be known everywhere, so for a minute "cannot be assumed" is not an answer.
        """
        deadline = time.monotonic() + _PROPAGATION_SECONDS
        while True:
            try:
                self._sagemaker.create_training_job(TrainingJobName=name, **request)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceInUse":
                    return
                unknown_role = "assume" in error.response["Error"]["Message"].lower()
                if not unknown_role or time.monotonic() >= deadline:
                    raise
            _logger.info("the training role is not known yet", extra={"job": name})
            time.sleep(_PAUSE_SECONDS)

    def stop(self, digest: str) -> None:
        """Stop the digest's running jobs."""
        for job in self.of(digest):
            if job.status == "InProgress":
                self._stop(job.name)

    def _stop(self, name: str) -> None:
        try:
            self._sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            # It may have ended, or gone, since it was looked at.
            if error.response["Error"]["Code"] != "ValidationException":
                raise
        _logger.info("training job stopped", extra={"job": name})
