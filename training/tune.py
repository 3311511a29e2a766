"""Tunes hyper-parameters without AWS: many training runs on this machine, the best model of them left in OUTPUT.

    python -m training.tune --data DIR --output DIR --max-jobs 20 --learning-rate 0.001..0.1 --batch-size '32|64|128'

A setting takes a value, as in `python -m training`, or a range: LOW..HIGH (learning-rate on a logarithmic scale), or
choices as A|B|C. The validation images choose; the test images only tell what the choice is worth. OUTPUT gets model/
and output/ of the best run, and tuning.json with every trial; Ctrl-C keeps what has finished.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from training.environment import check_weights
from training.errors import InputError
from training.folder import inspect
from training.ranges import Range, is_range, parse_range
from training.search import STRATEGIES
from training.settings import SETTINGS, Hyperparameters, field, parse
from training.trial import Trial
from training.trials import Plan, Tuning

_EARLY_STOPPING = ("Off", "Auto")
_MOST_JOBS, _INTERRUPTED = 750, 130


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0; 1 with the reasons on stderr; 130 after Ctrl-C."""
    flags = _parser().parse_args(arguments)
    try:
        plan = _plan(flags)
        inspect(plan.data)  # a data set that is wrong would fail every run
        plan.output.mkdir(parents=True, exist_ok=True)
        tuning = Tuning(plan, lambda line: print(line, flush=True))
        with _interruptible(tuning):
            tuning.run()
    except InputError as error:
        return _fail(error.problems)
    except OSError as error:
        return _fail([f"{error.filename or 'input or output'}: {error.strerror or error}"])
    print(_table(tuning.trials, tuning.best))
    if tuning.best is None:
        reasons = [trial.reason for trial in tuning.trials if trial.status == "failed"]
        return _fail([f"no trial has finished{f': {reasons[-1]}' if reasons else ''}"])
    return _INTERRUPTED if tuning.interrupted else 0


@contextmanager
def _interruptible(tuning: Tuning) -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM and a terminal that closes end the tuning in order."""
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signals = [number for number in ends if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup has it
    before = [signal.signal(number, lambda *_: tuning.interrupt()) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _plan(flags: argparse.Namespace) -> Plan:
    """
    Raises:
        InputError: with a line for every flag that is wrong.
    """
    texts = {name: text for name in SETTINGS if (text := getattr(flags, field(name))) is not None}
    problems: list[str] = []
    ranges: dict[str, Range] = {}
    for name, text in texts.items():
        if is_range(text):
            try:
                ranges[name] = parse_range(text, _reader(name))
            except ValueError as expected:
                problems.append(f"{name} is {text!r}: {expected}")
    fixed = {name: text for name, text in texts.items() if not is_range(text)}
    try:
        seed = parse(fixed).seed
    except InputError as error:
        problems += error.problems
    try:
        check_weights(flags.weights)
    except InputError as error:
        problems += error.problems
    if not any(map(is_range, texts.values())):
        problems.append("there is nothing to tune: give a setting a range, such as --learning-rate 0.001..0.1")
    if not 1 <= flags.max_jobs <= _MOST_JOBS:
        problems.append(f"max-jobs is {flags.max_jobs}: give a whole number from 1 to {_MOST_JOBS}")
    if not 1 <= flags.parallel_jobs <= max(1, flags.max_jobs):
        problems.append(f"parallel-jobs is {flags.parallel_jobs}: give a whole number from 1 to max-jobs")
    if problems:
        raise InputError(problems)
    if flags.weights:
        fixed["weights"] = str(flags.weights)
    return Plan(
        data=flags.data,
        output=flags.output,
        fixed=fixed,
        ranges=ranges,
        max_jobs=flags.max_jobs,
        parallel_jobs=flags.parallel_jobs,
        strategy=flags.strategy,
        early_stopping=flags.early_stopping == "Auto",
        seed=seed,
    )


def _reader(name: str) -> Callable[[str], str | int | float]:
    """Reads one value of a range."""

    def read(value: str) -> str | int | float:
        try:
            return SETTINGS[name].read(value)
        except ValueError as expected:
            raise ValueError(f"instead of {value!r} give {expected}") from None

    return read


def _table(trials: Sequence[Trial], best: Trial | None) -> str:
    """One line a trial; a star marks the best."""
    tuned = list(trials[0].values)
    rows = [["trial", *tuned, "validation", "test", "seconds", "status"]]
    for trial in trials:
        accuracies = (
            "-" if value is None else f"{value:.4f}" for value in (trial.validation_accuracy, trial.test_accuracy)
        )
        mark = "*" if trial is best else ""
        rows.append(
            [
                f"{trial.number}{mark}",
                *(trial.values[name] for name in tuned),
                *accuracies,
                f"{trial.seconds}",
                trial.status,
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _fail(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", required=True, help="image folder: train, valid, test / class"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="gets the best run and tuning.json")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="as in python -m training")
    parser.add_argument("--max-jobs", type=int, metavar="N", required=True, help=f"training runs, 1 to {_MOST_JOBS}")
    parser.add_argument("--parallel-jobs", type=int, metavar="N", default=1, help="runs at a time (default 1)")
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default="Bayesian", help="what to try next (default Bayesian)"
    )
    parser.add_argument(
        "--early-stopping",
        choices=_EARLY_STOPPING,
        default="Off",
        help="Auto stops runs under the median (default Off)",
    )
    group = parser.add_argument_group("settings, each a value or a range")
    defaults = Hyperparameters()
    for name, setting in SETTINGS.items():
        group.add_argument(f"--{name}", help=f"{setting.help} (default {getattr(defaults, field(name))})", metavar="…")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
