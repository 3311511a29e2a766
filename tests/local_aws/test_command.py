"""`make down`: every local AWS of a checkout, the demo's too."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from local_aws import __main__ as command
from local_aws.home import Home
from local_aws.ports import free_port
from local_aws.processes import HOME, MARKER
from local_aws.running import LocalAwsRun
from tests.waiting import LIMIT_SECONDS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SLIPWAY_LOCAL_HOME", str(tmp_path))
    return Home(tmp_path)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["local_aws", *arguments])
    return command.main()


def test_an_empty_variable_means_the_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_HOME", "")
    assert Home.from_environment().root == Path(".local").resolve()


def test_down_ends_what_make_demo_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = Home(home.root / "demo")
    demo.root.mkdir()
    demo.run_file.write_text(json.dumps(asdict(LocalAwsRun(f"test-{os.getpid()}", 0, "https://127.0.0.1:1", "none"))))
    server = subprocess.Popen(["sleep", "600"], env={**os.environ, MARKER: f"test-{os.getpid()}"})
    assert _run(monkeypatch, "down") == 0
    assert server.wait(LIMIT_SECONDS) < 0
    assert not demo.run_file.exists()


def test_down_without_a_local_aws_is_no_error(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "down") == 0
    assert capsys.readouterr().out == "no local AWS runs\n"


def test_down_ends_what_runs_in_a_folder_whose_files_are_gone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {MARKER: f"test-{os.getpid()}", HOME: str(home.root / "demo")}
    server = subprocess.Popen(["sleep", "600"], env=os.environ | marks)
    assert _run(monkeypatch, "down") == 0
    assert server.wait(LIMIT_SECONDS) < 0


def test_a_damaged_record_is_named_with_the_way_out(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.run_file.write_text("")
    assert _run(monkeypatch, "up") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {home.run_file} cannot be read (")
    assert line.endswith("end it with everything in it, `make down`, then start it again")


def test_a_folder_that_cannot_be_written_is_one_line(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_HOME", "/proc/local")
    assert _run(monkeypatch, "up", "--port", str(free_port())) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: /proc/local: ")


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit):
        _run(monkeypatch, "up", f"--port={port}")
    assert f"{port} is not a port, a whole number from 1 to 65535" in capsys.readouterr().err
