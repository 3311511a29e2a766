"""Tunes hyper-parameters without AWS: runs many trainings on this machine and leaves the best model in OUTPUT.

    make tune DATA=FOLDER ARGS="--max-jobs 20 --learning-rate 0.001..0.1 --batch-size '32|64|128'"

A setting takes a value, as in `make train`, or a range: LOW..HIGH (learning-rate on a logarithmic scale), or
choices as A|B|C. Validation accuracy decides; test accuracy is reported, never used to choose. OUTPUT gets model/ and
output/ of the best run, and tuning.json with every trial; Ctrl-C keeps the trials that have finished.
"""

from training.interrupt import INTERRUPTED, report_interrupts

if __name__ == "__main__":
    report_interrupts()  # before the other imports, which can take seconds on a new machine

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import get_args

from training.errors import InputError, problems_of
from training.flags import add_folders, add_hyperparameters, check_weights, fail, given_hyperparameters
from training.folder import inspect
from training.ranges import Range, is_range, parse_range
from training.settings import SETTINGS, parse
from training.trial import Trial
from training.trials import Plan, Tuner
from training.tuning import MAX_TRIALS, EarlyStopping, Strategy
from training.writing import require_writable


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0; 1 with the reasons on stderr; 130 after Ctrl-C."""
    flags = _parser().parse_args(arguments)
    try:
        plan = _plan(flags)
        inspect(plan.data)  # a wrong data set would fail every run
        require_writable(plan.output)
        tuning = Tuner(plan, lambda line: print(line, flush=True))
        with _interruptible(tuning):
            tuning.run()
    except (InputError, OSError) as error:
        return fail(problems_of(error))
    if tuning.best or not tuning.interrupted:
        print(_table(tuning.trials, tuning.best))
    if tuning.interrupted:
        left = f"the best model so far is in {plan.output / 'model'}" if tuning.best else "no trial has finished"
        print(f"stopped; {left}", file=sys.stderr)
        return INTERRUPTED
    if tuning.best is None:
        reasons = [trial.reason for trial in tuning.trials if trial.status == "failed"]
        return fail([f"no trial has finished{f': {reasons[-1]}' if reasons else ''}"])
    return 0


@contextmanager
def _interruptible(tuning: Tuner) -> Iterator[None]:
    """Context in which Ctrl-C, SIGTERM and a closed terminal interrupt the tuning."""
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signals = [number for number in ends if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = [signal.signal(number, lambda *_: tuning.interrupt()) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _plan(flags: argparse.Namespace) -> Plan:
    """The plan that the flags describe.

    Raises:
        InputError: with a line for every flag that is wrong.
    """
    texts = given_hyperparameters(flags)
    problems: list[str] = []
    ranges: dict[str, Range] = {}
    for name, text in texts.items():
        if is_range(text):
            try:
                ranges[name] = parse_range(text, partial(_read_value, name))
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
    if not 1 <= flags.max_jobs <= MAX_TRIALS:
        problems.append(f"max-jobs is {flags.max_jobs}: give a whole number from 1 to {MAX_TRIALS}")
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


def _read_value(name: str, value: str) -> str | int | float:
    try:
        return SETTINGS[name].read(value)
    except ValueError as expected:
        raise ValueError(f"instead of {value!r} give {expected}") from None


def _table(trials: Sequence[Trial], best: Trial | None) -> str:
    """One line a trial; a star marks the best."""
    tuned = list(trials[0].values)
    rows = [["trial", *tuned, "validation", "test", "seconds", "status"]]
    for trial in trials:
        accuracies = (
            "-" if value is None else f"{value:.4f}" for value in (trial.validation_accuracy, trial.test_accuracy)
        )
        number = f"{trial.number}{'*' if trial is best else ''}"
        rows.append([number, *(trial.values[name] for name in tuned), *accuracies, f"{trial.seconds}", trial.status])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_folders(parser, required=True, output="gets the best run and tuning.json")
    parser.add_argument("--max-jobs", type=int, metavar="N", required=True, help=f"training runs, 1 to {MAX_TRIALS}")
    parser.add_argument("--parallel-jobs", type=int, metavar="N", default=1, help="runs at a time (default 1)")
    parser.add_argument(
        "--strategy", choices=get_args(Strategy), default="Bayesian", help="what to try next (default Bayesian)"
    )
    parser.add_argument(
        "--early-stopping",
        choices=get_args(EarlyStopping),
        default="Off",
        help="Auto stops runs under the median (default Off)",
    )
    add_hyperparameters(parser, "settings, each a value or a range")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
