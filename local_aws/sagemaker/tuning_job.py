"""Tuning jobs: run training jobs in parallel with different hyper-parameters and report the best one."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from local_aws import doubts
from local_aws.sagemaker.caller import execution_role
from local_aws.sagemaker.job import ENDED, LocalJob
from local_aws.sagemaker.training_job import TrainingJob
from local_aws.sagemaker.tuning_search import search_of
from local_aws.service import ApiError, now

_POLL_SECONDS = 0.1
# Fields of a training job's description that its summary in the tuning job has.
_SUMMARY = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime")


@dataclass
class _TunedJob:
    """Training job of a tuning job, with its trial in the search."""

    job: TrainingJob
    trial: Any
    epochs: int = 0
    """Number of epochs whose objective was reported to the search."""
    reported: bool = False
    """True when the job's end was reported to the search."""


class TuningJob(LocalJob):
    """A tuning job, whose training jobs `launch` starts. Stopping it stops those that run, and starts no more."""

    kind, event = "HyperParameterTuning", "HyperParameter Tuning Job"

    def __init__(self, request: dict[str, Any], arn: str, launch: Callable[[dict[str, Any]], TrainingJob]) -> None:
        super().__init__(request, arn)
        self._launch = launch
        self._definition: dict[str, Any] = request["TrainingJobDefinition"]
        config = request["HyperParameterTuningJobConfig"]
        self._limits: dict[str, int] = config["ResourceLimits"]
        self._objective: dict[str, str] = config["HyperParameterTuningJobObjective"]
        self._search = search_of(config)
        self._jobs: list[_TunedJob] = []
        self._timed_out = False
        # Only checks that SageMaker may assume the role; each training job assumes it for itself.
        execution_role(self._definition["RoleArn"], arn)

    def _ended_already(self) -> str:
        return f"The tuning job {self.name} is in status {self.status} already."

    def _describe(self) -> dict[str, Any]:
        summaries = self.summaries()
        statuses = Counter(summary["TrainingJobStatus"] for summary in summaries)
        objectives = Counter(summary["ObjectiveStatus"] for summary in summaries)
        answer = {
            **super()._describe(),
            "TrainingJobStatusCounters": {
                "Completed": statuses["Completed"],
                "InProgress": statuses["InProgress"] + statuses["Stopping"],
                "RetryableError": 0,
                "NonRetryableError": statuses["Failed"],
                "Stopped": statuses["Stopped"],
            },
            "ObjectiveStatusCounters": {status: objectives[status] for status in ("Succeeded", "Pending", "Failed")},
        }
        if best := self._best(summaries):
            answer["BestTrainingJob"] = best
        return answer

    def summaries(self) -> list[dict[str, Any]]:
        """Training jobs in order of their start, as in ListTrainingJobsForHyperParameterTuningJob."""
        return [self._summary(tuned) for tuned in list(self._jobs)]

    # ------------------------------------------------------------------ running

    def _run(self) -> None:
        try:
            self._tune()
            completed = any(tuned.job.status == "Completed" for tuned in self._jobs)
            at_limit = self._timed_out and doubts.other("tuning-limit-completes")
            if self._stopping.is_set() and not at_limit:
                self._end("Stopped")
            elif completed or at_limit:
                self._end("Completed")
            else:
                self._end("Failed", f"All training jobs failed. The last one: {self._last_reason()}")
        except Exception as error:  # a bug of ours, or a deleted role, must end the job
            for tuned in self._running():
                self._stop_training(tuned)
            self._end("Failed", f"{type(error).__name__}: {error}")

    def _tune(self) -> None:
        deadline = time.monotonic() + self._limits.get("MaxRuntimeInSeconds", float("inf"))
        while True:
            if not self._stopping.is_set() and time.monotonic() > deadline:
                self._timed_out = True
                self._stopping.set()
            for tuned in list(self._jobs):
                self._poll(tuned)
            while self._may_start_another():
                self._start_training()
            if not any(self._running()):
                return
            time.sleep(_POLL_SECONDS)

    def _may_start_another(self) -> bool:
        max_jobs, max_parallel = self._limits["MaxNumberOfTrainingJobs"], self._limits["MaxParallelTrainingJobs"]
        running = len(list(self._running()))
        return not self._stopping.is_set() and len(self._jobs) < max_jobs and running < max_parallel

    def _running(self) -> Iterator[_TunedJob]:
        return (tuned for tuned in self._jobs if tuned.job.status not in ENDED)

    def _start_training(self) -> None:
        trial = self._search.next()
        definition = {name: value for name, value in self._definition.items() if name != "StaticHyperParameters"}
        job = self._launch(
            {
                **definition,
                "TrainingJobName": f"{self.name}-{len(self._jobs) + 1:03}-{secrets.token_hex(4)}",
                "TuningJobArn": self.arn,
                "HyperParameters": {
                    **self._definition.get("StaticHyperParameters", {}),
                    **{name: str(value) for name, value in trial.params.items()},
                    "_tuning_objective_metric": self._objective["MetricName"],
                },
                "Tags": self.request.get("Tags", []),
            }
        )
        self._jobs.append(_TunedJob(job, trial))

    def _poll(self, tuned: _TunedJob) -> None:
        """Report new values of a training job to the search, and stop the job if necessary."""
        if tuned.reported:
            return
        ended = tuned.job.status in ENDED
        values = tuned.job.values(self._objective["MetricName"])
        for epoch in range(tuned.epochs, len(values)):
            if self._search.falls_behind(tuned.trial, epoch + 1, values[epoch]):
                self._stop_training(tuned)
        tuned.epochs = len(values)
        if self._stopping.is_set():
            self._stop_training(tuned)
        if ended:
            self._search.end(tuned.trial, values[-1] if values and tuned.job.status != "Failed" else None)
            tuned.reported = True

    def _stop_training(self, tuned: _TunedJob) -> None:
        with suppress(ApiError):  # it has ended already
            tuned.job.stop()

    def _last_reason(self) -> str:
        return next((s["FailureReason"] for s in reversed(self.summaries()) if "FailureReason" in s), "stopped")

    # ------------------------------------------------------------------ state

    def _summary(self, tuned: _TunedJob) -> dict[str, Any]:
        job, values = tuned.job.describe(), tuned.job.values(self._objective["MetricName"])
        status = job["TrainingJobStatus"]
        summary = {name: job[name] for name in (*_SUMMARY, "FailureReason") if name in job}
        summary |= {
            "TuningJobName": self.name,
            "TrainingJobStatus": status,
            "TunedHyperParameters": {name: str(value) for name, value in tuned.trial.params.items()},
        }
        if status not in ENDED:
            return {**summary, "ObjectiveStatus": "Pending"}
        if status == "Failed" or not values:
            return {**summary, "ObjectiveStatus": "Failed"}
        final = {**self._objective, "Value": values[-1]}
        return {**summary, "ObjectiveStatus": "Succeeded", "FinalHyperParameterTuningJobObjectiveMetric": final}

    def _best(self, summaries: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Completed training job with the best objective, the first of equal ones; None without any."""
        sign = 1 if self._objective["Type"] == "Maximize" else -1
        scored = [s for s in summaries if s["TrainingJobStatus"] == "Completed" and s["ObjectiveStatus"] == "Succeeded"]
        key = "FinalHyperParameterTuningJobObjectiveMetric"
        return max(scored, key=lambda summary: sign * summary[key]["Value"], default=None)

    def _end(self, status: str, reason: str = "") -> None:
        self._state["HyperParameterTuningEndTime"] = now()
        super()._end(status, reason)
