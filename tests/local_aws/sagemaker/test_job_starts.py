"""Programs of a job do not outlive it when one of its instances cannot start."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_aws.processes import ProcessGroup
from local_aws.sagemaker import processing_job, training_job
from local_aws.sagemaker.job import InstanceJob
from local_aws.sagemaker.processing_job import ProcessingJob
from local_aws.sagemaker.training_job import TrainingJob
from tests.local_aws.sagemaker.test_training_host import RefusedLogs
from tests.waiting import until

SESSION = SimpleNamespace(client=lambda _: RefusedLogs(), environment=dict)
TRAINING = {"TrainingJobName": "half-training", "RoleArn": "role", "AlgorithmSpecification": {}}
PROCESSING = {"ProcessingJobName": "half-processing", "RoleArn": "role", "ProcessingResources": {"ClusterConfig": {}}}


class Host:
    """An instance whose program runs until it is ended, or that cannot start one."""

    def __init__(self, name: str, folder: Path, program: ProcessGroup | None) -> None:
        self.name, self.folder, self.message = name, folder / name, str
        self._program = program

    def start(self, *_: Any) -> ProcessGroup:
        if self._program is None:
            raise OSError("No space left on device")
        return self._program


@pytest.fixture
def program(tmp_path: Path) -> Iterator[ProcessGroup]:
    group = ProcessGroup(["sleep", "600"], environment={}, cwd=tmp_path)
    yield group
    group.end(0)


def start_training(hosts: list[Any]) -> InstanceJob:
    job = TrainingJob(TRAINING, "arn")
    with pytest.raises(OSError, match="No space left"):
        job._run_program(hosts)
    return job


def start_processing(hosts: list[Any]) -> InstanceJob:
    job = ProcessingJob(PROCESSING, "arn")
    with pytest.raises(OSError, match="No space left"):
        job._process(hosts, SimpleNamespace(architecture="amd64"))  # type: ignore[arg-type]
    return job


@pytest.mark.parametrize("start", [start_training, start_processing])
def test_the_second_instance_cannot_start(
    start: Any, program: ProcessGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (training_job, processing_job):
        monkeypatch.setattr(module, "execution_role", lambda *_: SESSION)

    job = start([Host("algo-1", tmp_path, program), Host("algo-2", tmp_path, None)])

    assert program.poll() is not None
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith(f"logs-{job.name}/")])
