"""Trains an image classifier. In a SageMaker job everything comes from its files; on a laptop from these flags."""

from training.interrupt import INTERRUPTED, report_interrupts
from training.stop import STOPPED, exit_on_sigterm

if __name__ == "__main__":  # before the other imports, which can take seconds on a new machine
    exit_on_sigterm()
    report_interrupts()

import argparse
import importlib.util
import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from training.environment import (
    Places,
    laptop_places,
    read_hyperparameters,
    read_process,
    sagemaker_base,
    sagemaker_places,
)
from training.errors import InputError, LostPeers, Stopped, problems_of
from training.flags import add_folders, add_hyperparameters, check_weights, fail, given_hyperparameters, user_path
from training.settings import parse
from training.writing import require_writable

MAX_FAILURE_TEXT = 1024  # characters of the failure file that SageMaker shows
WAIT_SECONDS = 2


def main(arguments: Sequence[str]) -> int:
    """Exit code of a run: 0, or 1 (143 if it was stopped) with the reason on stderr and in the failure file.

    130 after Ctrl-C, on a laptop.
    """
    flags, texts = _read_flags(arguments)
    if flags.data is not None and flags.output is None:
        return _fail(["--data was given without --output: give --output DIR, a folder for the results"], None)
    base = sagemaker_base(os.environ) if flags.data is None else None
    if base:
        places = sagemaker_places(base)
    else:
        places = laptop_places(flags.data, flags.output, flags.weights, flags.checkpoints)
    try:
        _run(flags, texts, base, places, arguments)
    except KeyboardInterrupt:
        print("stopped; nothing of it runs in AWS", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _report(error, places)
    return 0


def _run(
    flags: argparse.Namespace, texts: dict[str, str], base: Path | None, places: Places, arguments: Sequence[str]
) -> None:
    """Reads settings and environment, then trains; mistakes are found before anything slow is imported."""
    if base and (texts or flags.output or flags.weights or flags.checkpoints):
        raise InputError("flags need --data FOLDER: without it, all comes from SageMaker's files")
    check_weights(flags.weights)
    settings = parse(read_hyperparameters(base) if base else texts)
    process = read_process(base, os.environ)
    # AWS's training images have it, as a dependency of their `sagemaker` package
    if importlib.util.find_spec("onnx") is None:
        raise InputError("the Python package onnx is missing, and export needs it: pip install onnx")
    if process.rank == 0:
        places.failure.unlink(missing_ok=True)  # of an earlier run
        require_writable(places.output)
    from training.run import run

    run(settings, places, process, arguments)


def _report(error: Exception, places: Places) -> int:
    match error:
        case InputError() | OSError():
            return _fail(problems_of(error), places)
        case Stopped():
            return _fail([str(error)], places, STOPPED)
        case LostPeers():
            # on a shared folder, the process that failed first has written the cause
            code = _fail([str(error)], None if places.failure.exists() else places)
            time.sleep(WAIT_SECONDS)  # the process that failed first ends first, so that its reason is shown
            return code
    traceback.print_exception(error)  # a fault of the program
    return _fail([f"{type(error).__name__}: {error}"], places)


def _fail(problems: Sequence[str], places: Places | None, code: int = 1) -> int:
    """Prints the problems and, if there are places, writes them as SageMaker's FailureReason; returns the code."""
    if places:
        with suppress(OSError):  # a full disk; the log has the reason all the same
            places.failure.parent.mkdir(parents=True, exist_ok=True)
            places.failure.write_text("\n".join(problems)[:MAX_FAILURE_TEXT], encoding="utf-8")
    return fail(problems, code)


def _read_flags(arguments: Sequence[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """Flags, and hyper-parameters by name; unknown flags and stray words are among these, for `parse` to refuse."""
    parser = argparse.ArgumentParser(prog="make train", description=__doc__, allow_abbrev=False)
    add_folders(parser, required=False, output="gets model/ and output/")
    parser.add_argument(
        "--checkpoints", type=user_path, metavar="DIR", help="kept while it runs; a stopped run goes on"
    )
    add_hyperparameters(parser, "settings (hyper-parameters of the same names in SageMaker)")
    flags, rest = parser.parse_known_args(arguments)
    # A word that follows an unknown flag is its value.
    names = [word for before, word in zip(["", *rest], rest, strict=False) if word[:1] == "-" or before[:1] != "-"]
    unknown = {name.removeprefix("--").split("=")[0]: "" for name in names}
    return flags, given_hyperparameters(flags) | unknown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
