"""SIGTERM goes to process 1 of a job's container, and no further.

AWS: "How Amazon SageMaker AI Runs Your Training Image", SageMaker developer guide: the entry point receives SIGTERM,
and a program that a shell started for it does not.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.containers import WITHOUT_COMMAND
from local_aws.container import namespaces
from local_aws.processes import MARKER, ProcessGroup
from local_aws.sagemaker.training_host import LogShipper, TrainingHost
from tests.waiting import until

pytestmark = pytest.mark.skipif(not namespaces(), reason="no namespaces here")

PROGRAM = """
import os, pathlib, signal, sys, time
def main():
    said = pathlib.Path(os.environ["SAID"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(said.write_text("stopped")))
    said.write_text(f"process {os.getpid()}")
    time.sleep(600)
if __name__ == "__main__":
    main()
"""
COMMAND = {"ContainerEntrypoint": ["python3", "-m", "program"]}
TOOLKIT = {"SAGEMAKER_TRAINING_MODULE": "program:main"}
EXECS = {"BASH_ENV": WITHOUT_COMMAND["BASH_ENV"].replace("training", "program")}


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """File in which the program says who it is, and that it was stopped."""
    return tmp_path / "said"


def start(folder: Path, said: Path, algorithm: dict[str, Any], environment: dict[str, str]) -> ProcessGroup:
    (folder / "program.py").write_text(PROGRAM)
    variables = {**environment, "PYTHONPATH": str(folder), "SAID": str(said)}
    request = {"AlgorithmSpecification": algorithm, "Environment": variables}
    return TrainingHost(folder / "job", 0, 1).start(request, "job", 29500, {})


@pytest.fixture(autouse=True)
def _run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(MARKER, "test")
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize(
    ("algorithm", "environment", "reached"),
    [(COMMAND, {}, True), ({}, TOOLKIT, False), ({}, TOOLKIT | EXECS, True)],
    ids=["the job's command", "the toolkit below bash", "bash became the program"],
)
def test_who_receives_it(
    tmp_path: Path, said: Path, algorithm: dict[str, Any], environment: dict[str, str], reached: bool
) -> None:
    group = start(tmp_path, said, algorithm, environment)
    until(lambda: said.exists() and said.read_text())
    assert (said.read_text() == "process 1") is reached

    group.end(grace_seconds=60 if reached else 1)

    assert (said.read_text() == "stopped") is reached
    assert not os.path.exists(f"/proc/{group.pid}")


def test_instances_share_the_cores_that_this_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(42)))
    command = {"ContainerEntrypoint": ["sh", "-c", "echo $OMP_NUM_THREADS"]}
    group = TrainingHost(tmp_path, 0, 3).start({"AlgorithmSpecification": command}, "job", 29500, {})
    assert group.output is not None
    assert group.output.read() == "14\n"
    group.wait()


class RefusedLogs:
    """CloudWatch Logs for a role that may not write to it."""

    class exceptions:
        ResourceAlreadyExistsException = KeyError

    def create_log_group(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "CreateLogGroup")

    put_log_events = create_log_group


def test_a_role_that_may_not_write_logs_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """ "Log groups and streams that Amazon SageMaker AI sends", SageMaker developer guide, has no failure for it."""
    seen: list[str] = []
    shipper = LogShipper(RefusedLogs(), "/aws/sagemaker/TrainingJobs", "job/algo-1", seen.append)
    shipper.follow(["trained\n"]).join()
    shipper.finish()
    assert seen == ["trained"]
    [warning] = caplog.messages
    assert "job/algo-1 of /aws/sagemaker/TrainingJobs" in warning
    assert "AccessDeniedException" in warning
