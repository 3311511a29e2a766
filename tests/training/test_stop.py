"""SIGTERM ends the program from its first import on, also where it is process 1, and reaches torchrun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws.container import namespaces
from local_aws.processes import children
from tests.waiting import LIMIT_SECONDS, until
from training.stop import run_stoppable

PROCESS_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A folder whose numpy takes minutes to import, and says when that begins."""
    (tmp_path / "numpy.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    return tmp_path


@pytest.mark.parametrize(
    "first", [[], pytest.param(PROCESS_1, marks=pytest.mark.skipif(not namespaces(), reason="no namespaces here"))]
)
def test_it_ends_the_program_before_anything_is_imported(slow: Path, tmp_path: Path, first: list[str]) -> None:
    """kill(2): a signal reaches process 1 of a PID namespace only if it has a handler. AWS: "How Amazon SageMaker AI
    Runs Your Training Image", SageMaker developer guide: the entry point itself receives SIGTERM."""
    command = [*first, sys.executable, "-m", "training", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": f"{slow}:{Path.cwd()}"}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout and run.stdout.readline() == "importing\n"

    for pid in children(run.pid) if first else [run.pid]:
        os.kill(pid, signal.SIGTERM)

    _, errors = run.communicate(timeout=LIMIT_SECONDS)
    assert (run.returncode, errors) == (143, "error: stopped as asked (SIGTERM)\n")


def test_a_program_that_is_run_for_this_one_gets_it_too(tmp_path: Path) -> None:
    up = tmp_path / "up"
    child = f"import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); \
pathlib.Path({str(up)!r}).touch(); time.sleep(600)"
    parent = f"import os, sys; from training.stop import run_stoppable; \
sys.exit(run_stoppable([sys.executable, '-c', {child!r}], os.environ))"
    run = subprocess.Popen([sys.executable, "-c", parent])
    until(up.exists)

    run.send_signal(signal.SIGTERM)

    assert run.wait(LIMIT_SECONDS) == 7


def test_a_program_that_a_signal_ended_has_the_shells_exit_code() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        assert run_stoppable(["sh", "-c", "kill -KILL $$"], os.environ) == 137
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
