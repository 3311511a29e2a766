"""A job without a command: where the image's bash script is process 1, the training program takes its place."""

import os
import subprocess
from pathlib import Path

import pytest

from aws.containers import WITHOUT_COMMAND
from local_aws.container import namespaces
from local_aws.processes import AS_PROCESS_1

pytestmark = pytest.mark.skipif(not namespaces(), reason="no namespaces here")


@pytest.fixture
def container(tmp_path: Path) -> dict[str, str]:
    """Environment with a `python3` that says who it is, and an entry point that says when it runs."""
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho "process $$: python3 $*"\n')
    entry = tmp_path / "start.sh"
    entry.write_text('#!/usr/bin/env bash\necho "process $$: the image\'s own"\n')
    for program in (python, entry):
        program.chmod(0o755)
    return os.environ | WITHOUT_COMMAND | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}


def said(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run([*AS_PROCESS_1, *command], env=environment, check=True, capture_output=True, text=True).stdout


def test_the_program_becomes_process_1(container: dict[str, str]) -> None:
    """Bash manual, "Bash Startup Files": BASH_ENV is expanded, and the file is read before a script."""
    assert said(["start.sh", "train"], container) == "process 1: python3 -m training\n"


def test_another_bash_in_the_container_is_left_alone(container: dict[str, str]) -> None:
    assert said(["sh", "-c", "start.sh; true"], container) == "process 2: the image's own\n"


def test_a_job_takes_the_values() -> None:
    """AWS: TrainingEnvironmentMap and HyperParameterTrainingJobEnvironmentMap, SageMaker API reference."""
    assert max(map(len, WITHOUT_COMMAND.values())) <= 512
