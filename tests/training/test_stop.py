"""SIGTERM ends a training from its first instant, also as process 1 of a container, which ignores it by default."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws.container import namespaces
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not namespaces(), reason="this machine has no namespaces")
def test_as_process_1_it_ends_before_anything_else_has_begun(tmp_path: Path) -> None:
    """ "docker run", Docker's documentation: process 1 ignores a signal without a handler. Here it waits for a pipe."""
    shutil.copytree(ROOT / "training", tmp_path / "training", ignore=shutil.ignore_patterns("wheels", "__pycache__"))
    slow = tmp_path / "training" / "flags.py"  # read after the handler stands, so that main would block in it
    waits = "def check_weights(_):\n    print('begun', flush=True)\n    open('/dev/stdin').read()\n"
    slow.write_text(f"{slow.read_text()}\n\n{waits}")
    run = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", sys.executable, "-m", "training",
         "--data", "x", "--output", "y"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout and run.stdout.readline() == "begun\n"
    [child] = until(lambda: Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split())
    subprocess.run(["kill", f"-{signal.SIGTERM.value}", child], check=True)
    assert run.wait(30) == 143
