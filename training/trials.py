"""A tuning without AWS: several trials at a time, hyper-parameters chosen by Optuna, the best model kept."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.errors import InputError
from training.ranges import Between, Choice, Range
from training.search import Search
from training.trial import Trial, TrialProcess

RESULTS = ("model", "output")  # folders of a run's results
TRIALS = "trials"  # folder of the running trials
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    """Trials to run: ranges, number, strategy; `fixed` are flags that every trial gets."""

    data: Path
    output: Path
    fixed: Mapping[str, str]
    ranges: Mapping[str, Range]
    max_jobs: int
    parallel_jobs: int
    strategy: str
    early_stopping: bool
    seed: int


class Tuner:
    """Runs the plan's trials; OUTPUT always has the results of the best finished one, and a record of every trial.

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
        """Stops the running trials and starts no other; for a signal handler."""
        self.interrupted = True

    def run(self) -> None:
        """Runs all trials, or those before an interruption; no trial outlives this call.

        Raises:
            OSError: results cannot be written.
        """
        trials = self._plan.output / TRIALS
        shutil.rmtree(trials, ignore_errors=True)  # of a tuning that was killed
        running: list[TrialProcess] = []
        try:
            while running or self._more():
                while len(running) < self._plan.parallel_jobs and self._more():
                    running.append(self._start({run.place for run in running}))
                time.sleep(_POLL_SECONDS)
                for run in running:
                    if self.interrupted:
                        run.stop("interrupted")
                    elif self._plan.early_stopping and run.falls_behind(self._search):
                        run.stop("fell behind")
                for run in [run for run in running if run.ended()]:
                    self._finish(run)
                    running.remove(run)
        finally:
            for run in running:
                run.stop("the tuning has failed")
            for run in running:
                run.end()
            shutil.rmtree(trials, ignore_errors=True)

    def _more(self) -> bool:
        return len(self.trials) < self._plan.max_jobs and not self.interrupted

    def _start(self, taken: set[int]) -> TrialProcess:
        asked = self._search.next()
        trial = Trial(len(self.trials) + 1, {name: _rounded(value) for name, value in asked.params.items()})
        self.trials.append(trial)
        place = min(set(range(self._plan.parallel_jobs)) - taken)
        return TrialProcess(
            trial,
            asked,
            {**self._plan.fixed, **trial.values},
            data=self._plan.data,
            folder=self._plan.output / TRIALS / f"{trial.number:03}",
            place=place,
            parallel=self._plan.parallel_jobs,
        )

    def _finish(self, run: TrialProcess) -> None:
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
        if self.interrupted and trial.status == "stopped":
            return  # the end of the tuning says it
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


def _rounded(value: Any) -> str:
    """A value to try as text; four digits of a number tell as much as Optuna's seventeen."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _objective(trial: Trial) -> float:
    assert trial.validation_accuracy is not None  # of every completed trial
    return trial.validation_accuracy


def _search(plan: Plan) -> Search:
    try:
        space = {name: _distribution(range_) for name, range_ in plan.ranges.items()}
        return Search(
            space,
            strategy=plan.strategy,
            seed=plan.seed,
            early_stopping=plan.early_stopping,
            keep_apart=plan.parallel_jobs > 1,
        )
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
