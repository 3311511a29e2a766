"""SageMaker jobs, as far as a stack that waits for one needs them: training jobs, and tuning jobs, which run many."""

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
class Kind:
    """How SageMaker's API speaks of one kind of job."""

    resource: str
    """Start of its parameters, such as TrainingJob in TrainingJobName and TrainingJobStatus."""
    method: str
    """End of the client's methods, such as training_job in create_training_job."""
    noun: str


TRAINING = Kind("TrainingJob", "training_job", "training job")
TUNING = Kind("HyperParameterTuningJob", "hyper_parameter_tuning_job", "tuning job")
KINDS = {kind.resource: kind for kind in (TRAINING, TUNING)}


def kind_of(request: Mapping[str, Any]) -> Kind:
    """The kind of job that a request without a name is for."""
    return TUNING if "HyperParameterTuningJobConfig" in request else TRAINING


@dataclass(frozen=True)
class Job:
    """A job as SageMaker describes it."""

    kind: Kind
    name: str
    status: str
    """InProgress, Completed, Failed, Stopping or Stopped."""
    reason: str
    model_from: str | None
    """The training job whose model is the result: this one, or a tuning job's best, which it may lack."""
    test_accuracy: float | None
    """That model's, in 0..1; None when its job logged none."""

    @property
    def title(self) -> str:
        return f"{self.kind.noun} {self.name}"

    @property
    def why_not(self) -> str:
        """For a job that failed or was stopped: what happened, and where to read more."""
        return (
            f"{self.title} {self.status.lower()}: {self.reason} "
            f"(log group {_LOG_GROUP}, streams that begin with {self.name})"
        )


class Jobs:
    """The jobs whose names start with `prefix`, reached with `sagemaker`, a boto3 client."""

    def __init__(self, sagemaker: Any, prefix: str) -> None:
        self._sagemaker = sagemaker
        self._prefix = prefix

    def name(self, digest: str, attempt: int) -> str:
        return f"{self._prefix}{digest[:12]}-{attempt}"

    def of(self, kind: Kind, digest: str) -> Iterator[Job]:
        """The jobs of a digest, first attempt first."""
        for attempt in count(1):
            job = self.find(kind, self.name(digest, attempt))
            if job is None:
                return
            yield job

    def find(self, kind: Kind, name: str) -> Job | None:
        found = self._describe(kind, name)
        if found is None:
            return None
        model_from = found.get("BestTrainingJob", found).get("TrainingJobName")
        # A tuning job tells what its best job scored in validation only.
        trained = found if model_from in (None, name) else self._describe(TRAINING, model_from) or {}
        metrics = {metric["MetricName"]: metric["Value"] for metric in trained.get("FinalMetricDataList", [])}
        return Job(
            kind=kind,
            name=name,
            status=found[f"{kind.resource}Status"],
            reason=found.get("FailureReason") or found.get("SecondaryStatus", "no reason given"),
            model_from=model_from,
            test_accuracy=metrics.get(_ACCURACY),
        )

    def start(self, kind: Kind, name: str, request: Mapping[str, Any]) -> None:
        """Create the job; a job of this name that is there already is taken for it.

        A role takes seconds to be known everywhere, so for a minute "cannot be assumed" is not an answer.
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

    def stop(self, kind: Kind, name: str) -> None:
        """Stop a job; one that has ended, or that never was, is left alone."""
        try:
            self._call("stop", kind, name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise
        _logger.info("job stopped", extra={"job": name})

    def _describe(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """None where there is no such job: its error's code and words differ by kind."""
        try:
            return dict(self._call("describe", kind, name))
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "ResourceNotFound" or "not found" in told["Message"].lower():
                return None
            raise

    def _call(self, verb: str, kind: Kind, name: str, **request: Any) -> Any:
        return getattr(self._sagemaker, f"{verb}_{kind.method}")(**{f"{kind.resource}Name": name}, **request)
