"""Jobs of SageMaker: their life from start to end, as their descriptions and events tell it."""

import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ministack.core.concurrency import spawn_background

from local_aws.sagemaker.events import LateStatus, announce
from local_aws.service import ApiError, invalid, now, page, service_model

ENDED = ("Completed", "Failed", "Stopped")
LISTED_AT_ONCE = 10  # "MaxResults" of ListHyperParameterTuningJobs; not documented for the other jobs
_LISTED_BY = {"NameContains", "StatusEquals", "SortBy", "SortOrder", "MaxResults", "NextToken"}


class JobFailed(Exception):
    """The job failed; the message is its FailureReason."""


class LocalJob(ABC):
    """A job: its Create… request and its state.

    `kind` begins the names of its fields, as in TrainingJobStatus, and `event` is in the name of its events.
    """

    kind: ClassVar[str]
    event: ClassVar[str]

    def __init__(self, request: dict[str, Any], arn: str) -> None:
        self.request, self.arn = request, arn
        self.name: str = request[f"{self.kind}JobName"]
        self._state: dict[str, Any] = {f"{self.kind}JobStatus": "InProgress", "CreationTime": now()}
        self._stopping = threading.Event()
        self._changing = threading.Lock()  # of the status: a job that has ended is never "Stopping"
        self._late = LateStatus()

    @property
    def status(self) -> str:
        return str(self._state[f"{self.kind}JobStatus"])

    def start(self) -> None:
        """Start the job in the background."""
        announce(self.event, self.arn, self._describe())
        spawn_background(self._run, thread_name=f"{self.kind}-{self.name}")

    def stop(self) -> None:
        """Stop…Job: let what runs of it end, in its own time.

        Raises:
            ApiError: the job has ended.
        """
        with self._changing:
            if self.status in ENDED:
                raise invalid(self._ended_already())
            self._state[f"{self.kind}JobStatus"] = "Stopping"
        self._stopping.set()

    def _ended_already(self) -> str:
        return f"The request was rejected because the {self.event.lower()} is in status {self.status}."

    def describe(self) -> dict[str, Any]:
        """Response of Describe…Job."""
        answer = self._describe()
        if answer[f"{self.kind}JobStatus"] in ENDED and self._late.hides_the_end():
            answer[f"{self.kind}JobStatus"] = "InProgress"
        return answer

    def _describe(self) -> dict[str, Any]:
        asked = {name: value for name, value in self.request.items() if name != "Tags"}
        return {**asked, **self._state, f"{self.kind}JobArn": self.arn}

    @abstractmethod
    def _run(self) -> None:
        """Do the job's work, then `_end` it, whatever happens."""

    def _end(self, status: str, reason: str = "") -> None:
        if reason:
            self._state["FailureReason"] = reason[:1024]
        with self._changing:
            self._state[f"{self.kind}JobStatus"] = status  # set last, so that readers see a complete state
        announce(self.event, self.arn, self._describe(), ended=True)


def listing(kind: str, jobs: Sequence[LocalJob], request: dict[str, Any], by: str = "CreationTime") -> dict[str, Any]:
    """Response of List…Jobs, sorted `by` Name, CreationTime or Status if the request does not say.

    Raises:
        ApiError: the request has a filter that local AWS does not support.
    """
    if given := sorted(set(request) - _LISTED_BY):
        raise invalid(f"local AWS does not support {', '.join(given)} here.")
    name, status = f"{kind}JobName", f"{kind}JobStatus"
    shape = service_model("sagemaker").shape_for(f"{kind}JobSummary")
    # A part of a tuning job's summary is in its configuration.
    described = [{**job.request.get(f"{kind}JobConfig", {}), **job.describe()} for job in jobs]
    matching = [
        job
        for job in described
        if request.get("NameContains", "") in job[name] and request.get("StatusEquals", job[status]) == job[status]
    ]
    by = request.get("SortBy", by)
    key = f"{kind}Job{by}" if by in ("Name", "Status") else by
    matching.sort(key=lambda job: job[key], reverse=request.get("SortOrder") == "Descending")
    found, more = page(matching, request, LISTED_AT_ONCE)
    summaries = [{member: job[member] for member in shape.members if member in job} for job in found]
    return {f"{kind}JobSummaries": summaries, **more}


class InstanceJob(LocalJob):
    """A job whose work is done on instances of its own, in a folder that is removed when it ends."""

    def _run(self) -> None:
        folder = Path(os.environ["TMPDIR"]) / "jobs" / self.name
        try:
            self._work(folder)
            self._end("Stopped" if self._stopping.is_set() else "Completed")
        except JobFailed as failure:
            self._end("Failed", str(failure))
        except ApiError as denied:
            self._end("Failed", f"ClientError: {denied}")
        except Exception as error:  # a bug of ours must end the job, not leave it running
            self._end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @abstractmethod
    def _work(self, folder: Path) -> None:
        """Download, run on every instance, upload.

        Raises:
            JobFailed: with the FailureReason.
            ApiError: the role may not do it.
        """
