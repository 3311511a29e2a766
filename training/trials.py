"""Trials of a tuning without AWS: the training program in processes, hyper-parameters chosen by Optuna."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.environment import cores
from training.errors import InputError
from training.ranges import Between, Choice, Range
from training.search import Search

RESULTS = ("model", "output")  # folders that a run leaves
_OBJECTIVE = re.compile(r"^epoch=\d+ .*validation:accuracy=([0-9.eE+-]+)")
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    """What to try and how; `fixed` are flags that each run gets as they are."""

    data: Path
    output: Path
    fixed: Mapping[str, str]
    ranges: Mapping[str, Range]
    max_jobs: int
    parallel_jobs: int
    strategy: str
    early_stopping: bool
    seed: int


@dataclass
class Trial:
    """One run: its tuned values, and what became of it. Accuracies are in 0..1."""

    number: int
    values: dict[str, str]
    status: str = "running"
    """Then completed, failed, or stopped: it fell behind, or the tuning was interrupted."""
    reason: str = ""
    validation_accuracy: float | None = None
    """Of the model that the run left; the test accuracy is told and never chosen by."""
    test_accuracy: float | None = None
    epochs: list[float] = field(default_factory=list)
    """Validation accuracy after each."""
    seconds: float = 0.0


class Tuning:
    """Runs the plan's trials; OUTPUT always holds the best finished one's results and every trial's record.

    Raises:
        InputError: Optuna is missing.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan, self._say = plan, say
        self._search = _search(plan)
        self.trials: list[Trial] = []
        self.best: Trial | None = None
        self.interrupted = False

    def interrupt(self) -> None:
        """Stop the running trials and start no other; for a signal handler."""
        self.interrupted = True

    def run(self) -> None:
        """All trials, or those until the interruption."""
        running: list[_Run] = []
        while running or self._more():
            while len(running) < self._plan.parallel_jobs and self._more():
                running.append(self._start())
            time.sleep(_LOOK_SECONDS)
            for run in running:
                if self.interrupted:
                    run.stop("interrupted")
                elif self._plan.early_stopping and run.falls_behind(self._search):
                    run.stop("fell behind")
            for run in [run for run in running if run.ended()]:
                running.remove(run)
                self._finish(run)

    def _more(self) -> bool:
        return len(self.trials) < self._plan.max_jobs and not self.interrupted

    def _start(self) -> "_Run":
        asked = self._search.next()
        trial = Trial(len(self.trials) + 1, {name: str(value) for name, value in asked.params.items()})
        self.trials.append(trial)
        return _Run(trial, asked, self._plan)

    def _finish(self, run: "_Run") -> None:
        trial = run.trial
        run.conclude()
        if trial.status == "completed":
            self._search.end(run.asked, trial.validation_accuracy)
            if self.best is None or _objective(trial) > _objective(self.best):
                self.best = trial
                for name in RESULTS:
                    shutil.rmtree(self._plan.output / name, ignore_errors=True)
                    shutil.move(run.folder / name, self._plan.output / name)
        else:
            self._search.end(run.asked, None)
        shutil.rmtree(run.folder, ignore_errors=True)
        self._record()
        score = "" if trial.validation_accuracy is None else f" validation:accuracy={trial.validation_accuracy:.4f}"
        tried = " ".join(f"{name}={value}" for name, value in trial.values.items())
        self._say(f"trial={trial.number} {trial.status}{score} {tried}{trial.reason and f' ({trial.reason})'}")

    def _record(self) -> None:
        content = {
            "strategy": self._plan.strategy,
            "seed": self._plan.seed,
            "fixed": dict(self._plan.fixed),
            "best": self.best.number if self.best else None,
            "trials": [asdict(trial) for trial in self.trials],
        }
        path = self._plan.output / "tuning.json"
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class _Run:
    """A trial's process."""

    def __init__(self, trial: Trial, asked: Any, plan: Plan) -> None:
        self.trial, self.asked = trial, asked
        self.folder = plan.output / "trials" / f"{trial.number:03}"
        shutil.rmtree(self.folder, ignore_errors=True)
        flags = {**plan.fixed, **trial.values}
        command = [sys.executable, "-m", "training", "--data", str(plan.data), "--output", str(self.folder)]
        threads = max(1, cores() // plan.parallel_jobs)
        self._started, self._judged = time.monotonic(), 0
        self._process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in flags.items())],
            # A session of its own: Ctrl-C is for the tuning, which then stops its runs.
            start_new_session=True,
            env={"OMP_NUM_THREADS": str(threads), **os.environ},
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
        """Whether an epoch not judged yet is worse than the median of the other trials'."""
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

    def conclude(self) -> None:
        """Wait for the end, and take from the run's files what it came to."""
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


def _objective(trial: Trial) -> float:
    assert trial.validation_accuracy is not None  # of every completed trial
    return trial.validation_accuracy


def _search(plan: Plan) -> Search:
    try:
        space = {name: _distribution(range_) for name, range_ in plan.ranges.items()}
        return Search(space, strategy=plan.strategy, seed=plan.seed, early_stopping=plan.early_stopping)
    except ImportError:
        raise InputError("tuning needs Optuna, which is not installed: run pip install 'optuna>=4,<5'") from None


def _distribution(range_: Range) -> Any:
    from optuna import distributions

    match range_:
        case Choice(values):
            return distributions.CategoricalDistribution(values)
        case Between(low, high) if range_.whole:
            return distributions.IntDistribution(int(low), int(high))
        case Between(low, high):
            return distributions.FloatDistribution(low, high, log=True)
