"""Ctrl-C ends every command with one line and 130, whatever it is doing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import cdk

ROOT = Path(__file__).parents[2]


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


def test_while_modules_are_imported_it_is_one_line_too() -> None:
    ended = run("import tools; raise KeyboardInterrupt")
    assert ended.stderr == "stopped\n"
    assert ended.returncode == -signal.SIGINT  # which a shell shows as 130


def test_a_fault_of_ours_keeps_its_trace() -> None:
    assert "ZeroDivisionError" in run("import tools; 1 / 0").stderr


@pytest.mark.parametrize("code", ["process.kill(process.pid, 'SIGINT')", "process.exit(130)"])
def test_a_cdk_that_the_terminal_stopped_first_is_no_failure_of_the_deploy(
    code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cdk.js").write_text(code)
    monkeypatch.setattr(cdk, "_CLI", tmp_path / "cdk.js")
    with pytest.raises(KeyboardInterrupt):
        cdk.run("deploy")


def test_a_training_on_this_machine_says_that_nothing_runs_in_aws(tmp_path: Path) -> None:
    program = (
        "import sys, training.__main__ as program\n"
        "def interrupted(*_):\n    raise KeyboardInterrupt\n"
        "program._run = interrupted\n"
        f"sys.exit(program.main(['--data', 'data', '--output', '{tmp_path}']))"
    )
    ended = run(program)
    assert (ended.returncode, ended.stderr) == (130, "stopped; nothing of it runs in AWS\n")
