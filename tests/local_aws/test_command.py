"""`make down` and `make status`: every local AWS of a checkout, the demo's too."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from local_aws import __main__ as command
from local_aws.home import Home
from local_aws.lifecycle import LocalAwsRun
from local_aws.processes import MARKER


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SLIPWAY_LOCAL_HOME", str(tmp_path))
    return Home(tmp_path)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["local_aws", *arguments])
    return command.main()


def test_down_ends_what_make_demo_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = Home(home.root / "demo")
    demo.root.mkdir()
    demo.run_file.write_text(json.dumps(asdict(LocalAwsRun(f"test-{os.getpid()}", 0, "https://127.0.0.1:1", "none"))))
    server = subprocess.Popen(["sleep", "60"], env={**os.environ, MARKER: f"test-{os.getpid()}"})
    assert _run(monkeypatch, "down") == 0
    assert server.wait(timeout=10) < 0
    assert not demo.run_file.exists()


def test_down_without_a_local_aws_is_no_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, "down") == 0


def test_status_says_how_to_start_one(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "status") == 1
    assert "make local" in capsys.readouterr().out
