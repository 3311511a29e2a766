"""Several processes: how many by the cores, and an end if one of them has no model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from serving import processes

FIRST_FINDS_A_MODEL = "from serving import processes; processes._classifier = lambda: None; processes.serve()"


def test_one_that_finds_no_model_ends_all(tmp_path: Path) -> None:
    variables = {"SAGEMAKER_BASE_DIR": str(tmp_path), "UVICORN_PORT": "0", "WEB_CONCURRENCY": "2"}
    done = subprocess.run([sys.executable, "-c", FIRST_FINDS_A_MODEL], env=variables, capture_output=True, text=True)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "the model archive has no model.json" in next(line["reason"] for line in lines if line["event"] == "failed")
    assert "ModelError: one of 2 processes could not load the model" in done.stderr


@pytest.mark.parametrize(
    ("cores", "count", "threads"), [(1, 1, 1), (2, 1, 2), (4, 1, 4), (8, 2, 4), (16, 4, 4), (72, 18, 4)]
)
def test_the_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch, cores: int, count: int, threads: int) -> None:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert (processes.count(), processes.threads()) == (count, threads)


def test_a_system_that_pins_no_process_shares_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert (processes.count(), processes.threads()) == (2, 4)
