"""A trial of a tuning without AWS: one run of the training program, in its own process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.machine import cores, share_of_gpus
from training.search import Search

_OBJECTIVE = re.compile(r"^epoch=\d+ .*validation:accuracy=([0-9.eE+-]+)")
_TIMEOUT_SECONDS = 40  # torchrun gives the processes of a run 30


@dataclass
class Trial:
    """Record of one run: its tuned values and its result. Accuracies are from 0 to 1.

    Attributes:
        status: running, then completed, failed, or stopped (it fell behind, or the tuning was interrupted).
        validation_accuracy: of the saved model. Test accuracy is reported, never used to choose.
        epochs: validation accuracy after each.
    """

    number: int
    values: dict[str, str]
    status: str = "running"
    reason: str = ""
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    epochs: list[float] = field(default_factory=list)
    seconds: float = 0.0


class TrialProcess:
    """Process of a trial. Simultaneous trials have a place each, with its share of cores and GPUs."""

    def __init__(
        self, trial: Trial, asked: Any, flags: Mapping[str, str], *, data: Path, folder: Path, place: int, parallel: int
    ) -> None:
        """Start the training program for a trial.

        Args:
            asked: the trial as the search knows it.
            flags: of `make train`, by name.
            folder: for the run's results.
            place: from 0, among `parallel` simultaneous trials.
        """
        self.trial, self.asked, self.folder, self.place = trial, asked, folder, place
        command = [sys.executable, "-m", "training", "--data", str(data), "--output", str(folder)]
        self._started, self._judged = time.monotonic(), 0
        self._process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in flags.items())],
            # its own session: Ctrl-C reaches the tuning alone, which then stops its trials
            start_new_session=True,
            env=_environment(place, parallel),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._last_line = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def falls_behind(self, search: Search) -> bool:
        """True if the latest epoch, not judged before, is worse than the median of the other trials."""
        epochs = list(self.trial.epochs)
        new, self._judged = range(self._judged, len(epochs)), len(epochs)
        judged = [search.falls_behind(self.asked, epoch + 1, epochs[epoch]) for epoch in new]
        return bool(judged) and judged[-1]

    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self, reason: str) -> None:
        if not self.ended():
            self.trial.status, self.trial.reason = "stopped", reason
            self._process.terminate()

    def end(self) -> None:
        """Waits for the end of a run that was stopped; kills it after a timeout."""
        try:
            self._process.wait(_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # with its children, which are in its session
            self._process.wait()

    def conclude(self) -> None:
        """Waits for the end, and reads the result from the run's files."""
        code = self._process.wait()
        self._reader.join()
        self.trial.seconds = round(time.monotonic() - self._started, 1)
        if self.trial.status != "running":
            return
        if code:
            self.trial.status, self.trial.reason = "failed", self._last_line.removeprefix("error: ")
            return
        metrics = json.loads((self.folder / "output" / "data" / "metrics.json").read_text(encoding="utf-8"))
        self.trial.validation_accuracy = metrics["epochs"][metrics["best_epoch"] - 1]["validation_accuracy"]
        self.trial.test_accuracy = metrics["test"]["accuracy"]
        self.trial.status = "completed"

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._last_line = line.strip() or self._last_line
            if match := _OBJECTIVE.match(line):
                self.trial.epochs.append(float(match[1]))


def _environment(place: int, parallel: int) -> dict[str, str]:
    """Environment variables of a run: share of cores and GPUs, and a free port for its processes."""
    devices = share_of_gpus(place, parallel)
    environment = {"OMP_NUM_THREADS": str(max(1, cores() // parallel // max(1, len(devices)))), **os.environ}
    if devices:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return environment | {"MASTER_PORT": str(free.getsockname()[1])}
