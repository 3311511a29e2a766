"""When the notebook instance stops itself."""

import datetime
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from notebooks import idle


class Jupyter:
    """A stand-in for the instance's Jupyter: kernels and terminals, as its API has them."""

    def __init__(self) -> None:
        self.kernels: list[dict[str, str]] = []
        self.terminals: list[dict[str, str]] = []
        self.refuses: int | bytes | None = None
        """A status, or what is no JSON, in place of every answer."""
        jupyter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer: Any = {"/api/kernels": jupyter.kernels, "/api/terminals": jupyter.terminals}[self.path]
                refuses = jupyter.refuses
                self.send_response(refuses if isinstance(refuses, int) else 200)
                self.end_headers()
                self.wfile.write(refuses if isinstance(refuses, bytes) else json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def jupyter() -> Iterator[Jupyter]:
    jupyter = Jupyter()
    threading.Thread(target=jupyter.server.serve_forever, daemon=True).start()
    yield jupyter
    jupyter.server.shutdown()
    jupyter.server.server_close()


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Arguments of the AWS command line, if it was called; the machine has been up for ten hours."""
    calls = tmp_path / "calls"
    command = tmp_path / "aws"
    command.write_text(f'#!/bin/sh\necho "$@" > {calls}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(idle, "minutes_up", lambda: 600.0)
    monkeypatch.setattr(idle, "ANSWERED", tmp_path / "answered")
    return calls


def _kernel(state: str, *, minutes_ago: float) -> dict[str, str]:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes_ago)
    return {"execution_state": state, "last_activity": then.isoformat().replace("+00:00", "Z")}


def test_an_instance_in_which_nothing_was_done_for_long_stops(jupyter: Jupyter, stopped: Path) -> None:
    jupyter.kernels = [_kernel("idle", minutes_ago=61)]
    assert idle.main("n", 60, jupyter=jupyter.url)
    assert stopped.read_text() == "sagemaker stop-notebook-instance --notebook-instance-name n\n"


@pytest.mark.parametrize(
    ("kernels", "terminals"),
    [
        ([("idle", 59.0)], []),
        ([("busy", 500.0)], []),
        ([("idle", 500.0), ("idle", 1.0)], []),
        ([("idle", 500.0)], [("", 1.0)]),
    ],
    ids=["an hour is not over", "a cell runs for hours", "one of two kernels", "a terminal"],
)
def test_an_instance_in_which_somebody_works_goes_on(
    jupyter: Jupyter, stopped: Path, kernels: list[tuple[str, float]], terminals: list[tuple[str, float]]
) -> None:
    jupyter.kernels = [_kernel(state, minutes_ago=ago) for state, ago in kernels]
    jupyter.terminals = [_kernel(state, minutes_ago=ago) for state, ago in terminals]
    assert not idle.main("n", 60, jupyter=jupyter.url)
    assert not stopped.exists()


def test_one_that_was_just_started_waits_for_somebody(
    jupyter: Jupyter, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "minutes_up", lambda: 5.0)
    assert not idle.main("n", 60, jupyter=jupyter.url)


@pytest.mark.parametrize("refusal", [403, 500, b"<html>"], ids=["refused", "failed", "no JSON"])
def test_an_answer_that_does_not_come_stops_nobody_at_work(
    jupyter: Jupyter, stopped: Path, refusal: int | bytes
) -> None:
    jupyter.kernels = [_kernel("busy", minutes_ago=300)]
    assert not idle.main("n", 60, jupyter=jupyter.url)
    jupyter.refuses = refusal
    assert not idle.main("n", 60, jupyter=jupyter.url)
    assert not stopped.exists()


def test_one_whose_jupyter_has_not_answered_for_long_stops(jupyter: Jupyter, stopped: Path) -> None:
    assert not idle.main("n", 660, jupyter=jupyter.url)
    jupyter.refuses = 500
    an_hour_ago = time.time() - 61 * 60
    os.utime(idle.ANSWERED, (an_hour_ago, an_hour_ago))
    assert idle.main("n", 60, jupyter=jupyter.url)


def test_one_whose_jupyter_never_answers_stops_too(
    stopped: Path, jupyter: Jupyter, capsys: pytest.CaptureFixture[str]
) -> None:
    jupyter.server.server_close()
    assert idle.main("n", 60, jupyter="http://127.0.0.1:1")
    assert "Jupyter does not answer" in capsys.readouterr().err


def test_it_needs_no_newer_python_than_the_instance_s_own(tmp_path: Path) -> None:
    """Amazon Linux 2023's `python3` is 3.9 ("Python in AL2023", Amazon Linux 2023 user guide)."""
    alone = shutil.copy(Path(idle.__file__), tmp_path)  # as on the instance: not in its package
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-version", "3.9", "--config-file=", alone],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
