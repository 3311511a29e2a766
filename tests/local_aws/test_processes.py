"""Ending a run ends all of its processes, also those that no longer carry its id."""

import contextlib
import subprocess
import sys
import uuid

import psutil

from local_aws.processes import _lives, clean_environment, marked, sweep

# its child hides: no run id in its environment, a session of its own; it also ignores SIGTERM
_PARENT = """
import subprocess, sys, time
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
hidden = subprocess.Popen([sys.executable, "-c", child], env={}, start_new_session=True, stdout=subprocess.PIPE)
hidden.stdout.readline()
print(hidden.pid, flush=True)
time.sleep(600)
"""


def test_a_process_without_the_runs_id_ends_with_the_one_that_started_it() -> None:
    run_id = uuid.uuid4().hex
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], env=clean_environment(run_id), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent:
        hidden = psutil.Process(int(parent.stdout.readline()))
        try:
            assert {process.pid for process in marked(run_id)} == {parent.pid, hidden.pid}
            assert sweep(run_id, grace_seconds=0.5) == 2  # the parent ends at the first signal
            assert not _lives(hidden)
        finally:
            for process in (parent, hidden):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
    assert marked(run_id) == []
