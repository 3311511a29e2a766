"""Ctrl-C ends every command with one line and 130, whatever it is doing."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import cdk

ROOT = Path(__file__).parents[2]


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


# Ctrl-C as the first package that is not ours is imported.
IMPORTING = """
import runpy, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *%(ours)r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["%(module)s"]
runpy.run_module("%(module)s", run_name="__main__", alter_sys=True)
"""
OURS = ("aws", "bench", "iam", "local_aws", "notebooks", "serving", "settings", "tools", "training")
COMMANDS = set(re.findall(rf"\$\(PY\) -m ((?:{'|'.join(OURS)})\b[\w.]*)", (ROOT / "Makefile").read_text()))
# Those that write a file of the repository for developers.
OTHERS = {"iam.document", "iam.refresh", "local_aws.doubts", "settings.document"}


@pytest.mark.parametrize("module", sorted(COMMANDS - OTHERS))
def test_while_modules_are_imported_it_is_one_line_too(module: str) -> None:
    ended = run(IMPORTING % {"module": module, "ours": OURS})
    [line] = ended.stderr.splitlines()
    assert line.startswith("stopped")
    assert ended.returncode in (-signal.SIGINT, 130)  # a shell shows both as 130


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
