"""Starts our endpoint instance for the benchmarks: a model folder under Ray Serve, as local AWS runs it."""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from aws.containers import SERVING_ENVIRONMENT
from local_aws.ports import free_port
from local_aws.processes import clean_environment, marked, sweep
from local_aws.sagemaker import serving_container

START_SECONDS = 180


@dataclass(frozen=True)
class Served:
    """A running instance.

    Attributes:
        url: address to POST images to.
        replica: process with the model.
        others: Ray's other processes.
        ready: seconds from the log line "ray is up" to the first healthy answer.
    """

    url: str
    replica: psutil.Process
    others: tuple[psutil.Process, ...]
    ready: float

    def processor(self) -> tuple[float, float]:
        """Processor seconds so far, of the replica and of all other processes of Ray."""
        return _processor(self.replica), sum(map(_processor, self.others))

    @property
    def memory(self) -> float:
        """Proportional set size (PSS) of the replica, in MB (10^6 bytes)."""
        return float(self.replica.memory_full_info().pss / 1e6)


@contextmanager
def served(model: Path) -> Iterator[Served]:
    """Run an endpoint instance with the model in a folder."""
    run_id, port = uuid.uuid4().hex, free_port()
    ray_folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    log = ray_folder / "output.log"
    environment = clean_environment(
        run_id, PYTHONPATH=str(model), PYTHONUNBUFFERED="1", RAY_USAGE_STATS_ENABLED="0", **SERVING_ENVIRONMENT
    )
    command = [sys.executable, str(serving_container.__file__), str(model), str(port), str(ray_folder / "ray")]
    try:
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, cwd=model, stdout=output, stderr=output)
        up = _line("ray is up", process, log)
        while not _healthy(port):
            _check(process, log)
            time.sleep(0.01)
        ready = time.monotonic() - up
        children = marked(run_id)
        (replica,) = [child for child in children if "ServeReplica" in " ".join(child.cmdline())]
        others = tuple(child for child in children if child != replica)
        yield Served(f"http://127.0.0.1:{port}/", replica, others, ready)
    finally:
        sweep(run_id, grace_seconds=10)
        shutil.rmtree(ray_folder, ignore_errors=True)


def _processor(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # some of Ray's processes end soon
        return 0.0
    return float(times.user + times.system)


def _line(text: str, process: "subprocess.Popen[bytes]", log: Path) -> float:
    """Wait until the log contains `text`; returns the time by the monotonic clock."""
    while text not in log.read_text(errors="replace"):
        _check(process, log)
        time.sleep(0.01)
    return time.monotonic()


def _check(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError("the endpoint did not start: " + log.read_text(errors="replace")[-2000:])


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
