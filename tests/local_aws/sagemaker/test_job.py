"""A job's end is its last status, and jobs are listed as SageMaker lists them."""

import threading
from typing import Any

import pytest

from local_aws.sagemaker import job as module
from local_aws.sagemaker.job import LocalJob, listing
from local_aws.service import ApiError


class EndsByItself(LocalJob):
    kind, event = "Training", "Training Job"

    def _run(self) -> None:
        self._end("Completed")


class EndsMeanwhile(dict[str, Any]):
    """State of a job that ends just before it is noted as stopping."""

    def __init__(self, state: dict[str, Any], end: threading.Thread) -> None:
        super().__init__(state)
        self._end = end

    def __setitem__(self, name: str, value: Any) -> None:
        if value == "Stopping":
            self._end.start()
            self._end.join(0.2)  # it has to wait until the job is noted as stopping
        super().__setitem__(name, value)


def test_a_job_that_ends_while_it_is_stopped_does_not_stay_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "announce", lambda *_, **__: None)
    job = EndsByItself({"TrainingJobName": "job"}, "arn")
    end = threading.Thread(target=job._run)
    job._state = EndsMeanwhile(job._state, end)
    job.stop()
    end.join()
    assert job.status == "Completed"


JOBS = {"app-c": "Completed", "app-a": "Failed", "other": "Completed", "app-b": "Completed"}


def listed(**request: Any) -> tuple[list[str], str | None]:
    """Names that ListTrainingJobs answers with for JOBS, which were created in their order; and its NextToken."""
    jobs = [EndsByItself({"TrainingJobName": name}, "arn") for name in JOBS]
    for number, (job, status) in enumerate(zip(jobs, JOBS.values(), strict=True)):
        job._state |= {"TrainingJobStatus": status, "CreationTime": number}
    answer = listing("Training", jobs, request)
    return [job["TrainingJobName"] for job in answer["TrainingJobSummaries"]], answer.get("NextToken")


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({}, ["app-c", "app-a", "other", "app-b"]),
        ({"SortOrder": "Descending"}, ["app-b", "other", "app-a", "app-c"]),
        ({"NameContains": "app-", "SortBy": "Name"}, ["app-a", "app-b", "app-c"]),
        ({"StatusEquals": "Completed"}, ["app-c", "other", "app-b"]),
        ({"SortBy": "Status", "SortOrder": "Descending"}, ["app-a", "app-c", "other", "app-b"]),
    ],
)
def test_jobs_are_listed_as_the_request_says(request_: dict[str, Any], names: list[str]) -> None:
    """By CreationTime and ascending, if it does not: "ListTrainingJobs", SageMaker API reference."""
    assert listed(**request_) == (names, None)


def test_jobs_are_listed_in_parts() -> None:
    names, token = listed(SortBy="Name", MaxResults=3)
    assert names == ["app-a", "app-b", "app-c"]
    assert listed(SortBy="Name", MaxResults=3, NextToken=token) == (["other"], None)


def test_a_filter_that_local_aws_does_not_support_is_refused() -> None:
    with pytest.raises(ApiError, match="does not support WarmPoolStatusEquals"):
        listed(WarmPoolStatusEquals="InUse")
