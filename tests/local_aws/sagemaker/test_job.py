"""A job's end is its last status."""

import threading
from typing import Any

import pytest

from local_aws.sagemaker import job as module
from local_aws.sagemaker.job import LocalJob


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
