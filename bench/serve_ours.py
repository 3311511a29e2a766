"""Starts our endpoint instance for the benchmarks: the server's program, as its image starts it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_aws.ports import free_port

START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A running instance.

    Attributes:
        url: address to POST images to.
        process: process with the model.
        started: time by the monotonic clock at which the process was started.
    """

    url: str
    process: psutil.Process
    started: float

    def processor(self) -> float:
        """Processor seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> float:
        """Proportional set size (PSS) in MB (10^6 bytes)."""
        return float(self.process.memory_full_info().pss / 1e6)


@contextmanager
def served(model: Path) -> Iterator[Served]:
    """Run an endpoint instance with the model in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        base, log, port = Path(folder), Path(folder, "log"), free_port()
        (base / "model").symlink_to(model.absolute())
        environment = os.environ | {"SAGEMAKER_BASE_DIR": folder, "UVICORN_PORT": str(port), "WEB_CONCURRENCY": "1"}
        command, started = [sys.executable, "-m", "serving.server", "serve"], time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            while not _healthy(port):
                if process.poll() is not None or time.monotonic() > started + START_SECONDS:
                    raise RuntimeError("the endpoint did not start: " + log.read_text()[-2000:])
                time.sleep(0.01)
            yield Served(f"http://127.0.0.1:{port}/invocations", psutil.Process(process.pid), started)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
