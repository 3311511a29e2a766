"""Finds and ends all processes of a local AWS, so that none outlives it.

Every process carries the run id in its environment (`MARKER`), and its children inherit it however they detach
(sessions, double forks, daemons). Ending a run means ending every process with its id.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import psutil

MARKER = "SLIPWAY_LOCAL_AWS_RUN"
HOME = "SLIPWAY_LOCAL_HOME"  # variable of the home folder, in the environment of the run's supervisor and server

# Makes the command that follows process 1 of its own PID namespace, as in a container. Linux ignores signals for which
# process 1 has no handler, and ends the other processes with it.
AS_PROCESS_1 = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

ENDING = threading.Event()
"""Set when this process begins to end its run: what its children fail at from then on means nothing."""

# Variables that a child inherits: never a credential, a profile or a proxy.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


def clean_environment(run_id: str, **variables: str) -> dict[str, str]:
    """Environment of a child process: the inherited minimum, the run id, and `variables`."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, MARKER: run_id, **variables}


def marked(run_id: str) -> list[psutil.Process]:
    """Processes of the run except the calling one: those with its id, and all their descendants.

    Descendants are included because a process that sets its title overwrites its environment.
    """
    carriers, children = set(), defaultdict(list)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children[process.ppid()].append(process)
            if process.environ().get(MARKER) == run_id:
                carriers.add(process)
    family, ahead = set(), list(carriers)
    while ahead:
        process = ahead.pop()
        if process not in family:
            family.add(process)
            ahead += children[process.pid]
    return [process for process in family if process.pid != os.getpid() and _lives(process)]


def runs() -> dict[str, str]:
    """Home folders of the runs whose supervisor or server lives, by run id; this does not depend on any file."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if MARKER in environment and HOME in environment:
                found[environment[MARKER]] = environment[HOME]
    return found


def sweep(run_id: str, grace_seconds: float = 0.0, attempts: int = 20) -> int:
    """End every process of the run; returns their number.

    Sends SIGTERM first if `grace_seconds` is not 0, then SIGKILL, repeatedly: a process may start another one while it
    is being ended.
    """
    known: set[psutil.Process] = set()  # `marked` loses a process whose parent has ended since

    def alive() -> list[psutil.Process]:
        known.update(marked(run_id))
        return [process for process in known if _lives(process)]

    ended: set[int] = set()
    if grace_seconds:
        ended |= {process.pid for process in _signal(alive(), signal.SIGTERM)}
        deadline = time.monotonic() + grace_seconds
        while alive() and time.monotonic() < deadline:
            time.sleep(0.05)
    for _ in range(attempts):
        rest = alive()
        if not rest:
            break
        ended |= {process.pid for process in _signal(rest, signal.SIGKILL)}
        psutil.wait_procs(rest, timeout=1)
    return len(ended)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> list[psutil.Process]:
    reached = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
            reached.append(process)
    return reached


def end_when_closed(pipe: int, run_id: str) -> None:
    """End the run and exit when the other end of `pipe` closes, that is when its holder has ended in any way."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        ENDING.set()
        try:
            sweep(run_id)
        finally:  # this process must end even if the sweep fails
            os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def children(pid: int) -> list[int]:
    """Process ids of the children of `pid`."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class ProcessGroup:
    """A program in its own session, so that it can be ended together with its children.

    `contained` says that the command makes a PID namespace, as AS_PROCESS_1 does: signals go to process 1 in it.
    """

    def __init__(
        self,
        command: list[str],
        *,
        environment: dict[str, str],
        cwd: Path,
        stdin: int = subprocess.DEVNULL,
        contained: bool = False,
    ) -> None:
        self._contained = contained
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self.output = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        return self._process.wait(timeout)

    def end(self, grace_seconds: float) -> None:
        """Send SIGTERM to the group, or to process 1, and SIGKILL to all after `grace_seconds`."""
        try:
            family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        except psutil.Error:
            family = []
        self._terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        psutil.wait_procs(_signal(family, signal.SIGKILL), timeout=2)
        self._process.wait()

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if not self._contained:
                os.killpg(self.pid, signal.SIGTERM)
                return
            while not (first := children(self.pid)) and self.poll() is None:
                time.sleep(0.01)
            for pid in first:
                os.kill(pid, signal.SIGTERM)
