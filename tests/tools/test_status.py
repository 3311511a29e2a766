"""`make status`: every local AWS of a checkout, the demo's too."""

import json
import os
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from local_aws.home import Home
from local_aws.running import LocalAwsRun
from tools import status
from tools.status import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SLIPWAY_LOCAL_HOME", str(tmp_path))
    return Home(tmp_path)


@pytest.fixture
def demo(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The demo's local AWS, with this process in the place of its own."""
    demo = Home(home.root / "demo")
    demo.root.mkdir()
    demo.run_file.touch()
    run = LocalAwsRun("test", 0, "https://127.0.0.1:4567", "none")
    monkeypatch.setattr(LocalAwsRun, "healthy", lambda _: True)
    monkeypatch.setattr(status, "current", lambda _: run)
    monkeypatch.setattr(status, "processes", lambda _: [psutil.Process()])
    return demo


def test_without_one_it_says_how_to_start_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "make local" in capsys.readouterr().out


def test_it_shows_the_demo_s(demo: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("local AWS at https://127.0.0.1:4567: 1 processes, ")
    assert second == f"  use it: . {os.path.relpath(demo.env_file)}    end it: make down"


def test_a_process_that_ends_meanwhile_counts_no_memory(
    demo: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = psutil.Process()
    monkeypatch.setattr(ended, "memory_info", Mock(side_effect=psutil.NoSuchProcess(1)))
    monkeypatch.setattr(status, "processes", lambda _: [ended])
    assert main([]) == 0
    assert "1 processes, 0 MB resident" in capsys.readouterr().out


def test_for_programs_it_is_a_list(demo: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found.pop("megabytes") > 0
    assert found == {
        "endpoint": "https://127.0.0.1:4567",
        "processes": 1,
        "environment": os.path.relpath(demo.env_file),
    }


def test_for_programs_nothing_that_runs_is_an_empty_list(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_damaged_record_is_named_with_the_way_out(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.run_file.write_text("")
    assert main([]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {home.run_file} cannot be read (")
