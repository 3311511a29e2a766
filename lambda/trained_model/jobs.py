"""Start, find and stop SageMaker jobs: training jobs, and tuning jobs, which run several training jobs."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

_logger = logging.getLogger(__name__)
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# Metrics that the training program logs.
ACCURACY, BALANCED_ACCURACY = "test:accuracy", "test:balanced_accuracy"
LOWEST_CLASS_ACCURACY = "test:lowest_class_accuracy"
ACCURACIES = (ACCURACY, BALANCED_ACCURACY, LOWEST_CLASS_ACCURACY)
_PROPAGATION_SECONDS = 60
_METRICS_SECONDS = 60
_PAUSE_SECONDS = 5


@dataclass(frozen=True)
class JobKind:
    """Names that SageMaker's API uses for one kind of job."""

    resource: str
    """Prefix of its parameters, such as TrainingJob in TrainingJobName and TrainingJobStatus."""
    method: str
    """Suffix of the client's methods, such as training_job in create_training_job."""
    noun: str
    """Name of the kind in messages."""


TRAINING = JobKind("TrainingJob", "training_job", "training job")
TUNING = JobKind("HyperParameterTuningJob", "hyper_parameter_tuning_job", "tuning job")
KINDS = {kind.resource: kind for kind in (TRAINING, TUNING)}


def kind_of(request: Mapping[str, Any]) -> JobKind:
    """The kind of job that a create request is for."""
    return TUNING if "HyperParameterTuningJobConfig" in request else TRAINING


@dataclass(frozen=True)
class SageMakerJob:
    """State of a job, as SageMaker describes it."""

    kind: JobKind
    name: str
    status: str
    """InProgress, Completed, Failed, Stopping or Stopped."""
    reason: str
    model_from: str | None
    """Training job that made the model: this one, or a tuning job's best one; None if a tuning job has no best one."""
    accuracies: Mapping[str, float]
    """ACCURACIES of that model, 0..1, without those that its job did not log."""

    @property
    def title(self) -> str:
        return f"{self.kind.noun} {self.name}"

    @property
    def why_not(self) -> str:
        """Reason why a job failed or was stopped, with the place of its log."""
        return (
            f"{self.title} {self.status.lower()}: {self.reason} "
            f"(log group {_LOG_GROUP}, streams that begin with {self.name})"
        )


class Jobs:
    """Jobs whose names start with `prefix`, through the boto3 client `sagemaker`."""

    def __init__(self, sagemaker: Any, prefix: str) -> None:
        self._sagemaker = sagemaker
        self._prefix = prefix

    def name(self, digest: str, attempt: int) -> str:
        """`<prefix><12 hex of the digest>-<attempt>`; attempts count from 1."""
        return f"{self._prefix}{digest[:12]}-{attempt}"

    def attempts(self, kind: JobKind, digest: str) -> Iterator[SageMakerJob]:
        """The jobs of a digest, in the order of their attempts."""
        for attempt in count(1):
            job = self.find(kind, self.name(digest, attempt))
            if job is None:
                return
            yield job

    def find(self, kind: JobKind, name: str) -> SageMakerJob | None:
        """The job of this name; None without one."""
        found = self._describe(kind, name)
        if found is None:
            return None
        model_from = found.get("BestTrainingJob", found).get("TrainingJobName")
        status = "Completed" if model_from and _used_its_time(found) else found[f"{kind.resource}Status"]
        return SageMakerJob(
            kind=kind,
            name=name,
            status=status,
            reason=found.get("FailureReason") or found.get("SecondaryStatus", "no reason given"),
            model_from=model_from,
            accuracies=self._accuracies(model_from) if status == "Completed" else {},
        )

    def _accuracies(self, training_job: str | None) -> dict[str, float]:
        """Test accuracies that a training job has logged.

        A tuning job's description has only the validation accuracy of its best job. AWS does not document that the
        final metrics are there when the job's event comes, so for a minute they are awaited.
        """
        deadline, found = time.monotonic() + _METRICS_SECONDS, {}
        while training_job:
            described = self._describe(TRAINING, training_job) or {}
            logged = {metric["MetricName"]: metric["Value"] for metric in described.get("FinalMetricDataList", [])}
            found = {name: float(logged[name]) for name in ACCURACIES if name in logged}
            if len(found) == len(ACCURACIES) or time.monotonic() >= deadline:
                break
            time.sleep(_PAUSE_SECONDS)
        return found

    def start(self, kind: JobKind, name: str, request: Mapping[str, Any]) -> None:
        """Create the job. A job that already has this name is accepted as this one.

        A new role takes seconds to propagate, so for a minute the error that it cannot be assumed is retried.
        """
        deadline = time.monotonic() + _PROPAGATION_SECONDS
        while True:
            try:
                self._call("create", kind, name, **request)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceInUse":
                    return
                unknown_role = "assume" in error.response["Error"]["Message"].lower()
                if not unknown_role or time.monotonic() >= deadline:
                    raise
            _logger.info("the training role is not known yet", extra={"job": name})
            time.sleep(_PAUSE_SECONDS)

    def stop(self, kind: JobKind, name: str) -> None:
        """Stop a job. A job that has ended or does not exist is ignored."""
        try:
            self._call("stop", kind, name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise
        else:
            _logger.info("job stopped", extra={"job": name})

    def _describe(self, kind: JobKind, name: str) -> dict[str, Any] | None:
        """Describe a job; None if it does not exist, for which code and message of the error differ by kind."""
        try:
            return dict(self._call("describe", kind, name))
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "ResourceNotFound" or "not found" in told["Message"].lower():
                return None
            raise

    def _call(self, verb: str, kind: JobKind, name: str, **request: Any) -> Any:
        return getattr(self._sagemaker, f"{verb}_{kind.method}")(**{f"{kind.resource}Name": name}, **request)


def _used_its_time(found: Mapping[str, Any]) -> bool:
    """True for a tuning job that its own time limit stopped, and nobody else: it counts as completed.

    "Monitor the Progress of a Hyperparameter Tuning Job", SageMaker developer guide, calls Stopped what "was manually
    stopped"; no page says outright what such a job is.
    """
    if found.get("HyperParameterTuningJobStatus") != "Stopped" or "HyperParameterTuningEndTime" not in found:
        return False
    limit = found["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxRuntimeInSeconds")
    ran = found["HyperParameterTuningEndTime"] - found["CreationTime"]
    return limit is not None and ran.total_seconds() >= limit
