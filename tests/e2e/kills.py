"""Runs a deploy in a process of its own, kills a process at one of its steps, and calls the function meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3
import psutil

from local_aws.home import Home
from local_aws.running import current, processes
from tests.waiting import LIMIT_SECONDS, until
from tools.cdk import ROOT
from tools.classify_client import ClassifyClient
from tools.deploy.idle import StackBusy, require_idle

from .conftest import System

STACKS = [f"e2e-dev-{suffix}" for suffix in ("storage", "roles", "trained-model", "serving", "operations")]
# A line of the CDK's output has all of these words when the step has begun.
STEPS = {
    "custom resource": ("e2e-dev-trained-model", "UPDATE_IN_PROGRESS"),
    "training": ("e2e-dev-trained-model", "_IN_PROGRESS", "WaitCondition"),
    "endpoint": ("e2e-dev-serving", "UPDATE_IN_PROGRESS", "AWS::SageMaker::Endpoint "),
    "live check": ("e2e-dev-serving", "_IN_PROGRESS", "Custom::LiveEndpoint"),
}
_KILL_SECONDS = 2.0  # for which processes are killed as they come


class CallingClient:
    """Context manager that calls the function all the time, and keeps when calls failed and why."""

    def __init__(self, images: Sequence[Path], threads: int = 2) -> None:
        self.calls = 0
        self.failures: list[tuple[float, str]] = []
        self._images, self._classify = images, ClassifyClient("e2e-dev-classify")
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(threads)]

    def __enter__(self) -> "CallingClient":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(timeout=70)

    def _call(self) -> None:
        while not self._done.wait(0.1):
            begun = time.monotonic()
            self.calls += 1
            try:
                self._classify(self._images[self.calls % len(self._images)])
            except Exception as error:  # whatever a caller would see
                self.failures.append((begun, f"{type(error).__name__}: {error}"))

    def lost(self, *, kills: Sequence[float] = (), within: float) -> list[str]:
        """Failed calls that began later than `within` seconds after a kill, or before any."""
        return [why for begun, why in self.failures if not any(0 <= begun + 1 - kill <= within + 1 for kill in kills)]


def processes_of(home: Home, victim: str) -> list[psutil.Process]:
    """Processes of the local AWS that are the victim: a training job, the function, or the server of the model."""
    run, found = current(home), []
    for process in processes(run) if run else []:
        with contextlib.suppress(psutil.Error):
            command, variables = " ".join(process.cmdline()), process.environ()
            if {
                "training job": "-m training" in command,
                "function": variables.get("AWS_LAMBDA_FUNCTION_NAME") == "e2e-dev-trained-model",
                "model server": command.endswith(" serve"),
            }[victim]:
                found.append(process)
    return found


def kill(home: Home, victim: str) -> int:
    """SIGKILL; returns the number of processes."""
    killed = 0
    for process in processes_of(home, victim):
        with contextlib.suppress(psutil.Error):
            process.kill()
            killed += 1
    return killed


class Deploy:
    """`make deploy` with these settings; `killed` is when something was killed, by the monotonic clock."""

    def __init__(self, system: System, **changes: str) -> None:
        settings = " ".join(f"{name}={value}" for name, value in {**system.settings, **changes}.items())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.deploy", "--verbose", "--settings", settings],
            cwd=ROOT, env={**os.environ, "SLIPWAY_STAGES": os.devnull}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.killed: list[float] = []
        self.victims = 0
        self.lines: list[str] = []

    def run(self, step: str = "", kill: Callable[["Deploy"], int] = lambda _: 0) -> int:
        """Run to the end; `kill` is called at the step, as long as it finds something, and returns how much."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if step and not self.killed and all(word in line for word in STEPS[step]):
                self.killed.append(time.monotonic())
                threading.Thread(target=self._kill, args=(kill,), daemon=True).start()
        return self.process.wait()

    def _kill(self, kill: Callable[["Deploy"], int]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < end:
            if found := kill(self):
                self.victims += found
                end = min(end, self.killed[0] + _KILL_SECONDS)
                self.killed.append(time.monotonic())
            time.sleep(0.05)

    def kill_command(self) -> int:
        if self.process.poll() is not None:
            return 0
        os.kill(self.process.pid, signal.SIGKILL)
        return 1

    @property
    def left(self) -> list[str]:
        """Command lines of its processes that still run."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found


def until_idle() -> None:
    """Wait until CloudFormation changes no stack any more."""

    def idle() -> bool:
        try:
            require_idle(STACKS)
        except StackBusy:
            return False
        return True

    until(idle)


def running_jobs() -> list[str]:
    found = boto3.client("sagemaker").list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
    return [job["TrainingJobName"] for job in found]
