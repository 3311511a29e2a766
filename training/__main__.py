"""Trains an image classifier. In a SageMaker job everything comes from its files; on a laptop from these flags."""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from training.environment import (
    Places,
    check_exportable,
    check_weights,
    laptop_places,
    read_hyperparameters,
    read_process,
    sagemaker_base,
    sagemaker_places,
)
from training.errors import InputError, LostPeers, Stopped
from training.gpus import one_process_a_gpu
from training.settings import SETTINGS, Hyperparameters, field, parse

MOST_FAILURE_TEXT = 1024  # characters of the failure file that SageMaker shows
STOPPED = 143  # the exit code of a program that SIGTERM ended: 128 + 15
PATIENCE_SECONDS = 2


def main(arguments: Sequence[str]) -> int:
    """Exit code of a run: 0, or 1 (143 when it was stopped) with the reason on stderr and in the failure file."""
    flags, texts = _read_flags(arguments)
    if flags.data is not None and flags.output is None:
        return _fail(["--data was given without --output: give --output DIR, a folder for the results"], None)
    base = sagemaker_base(os.environ) if flags.data is None else None
    places = (
        sagemaker_places(base) if base else laptop_places(flags.data, flags.output, flags.weights, flags.checkpoints)
    )
    try:
        if base and (texts or flags.output or flags.weights or flags.checkpoints):
            raise InputError("flags need --data FOLDER: without it, all comes from SageMaker's files")
        check_weights(flags.weights)
        settings = parse(read_hyperparameters(base) if base else texts)
        process = read_process(base, os.environ)
        check_exportable()
        if process.rank == 0:
            places.failure.unlink(missing_ok=True)  # of an earlier run
        from training import inputs  # what is slow to import comes after all that can fail without it

        found = inputs.find(settings, places, process)  # said once, not by each of several processes
        one_process_a_gpu(process, arguments)
        from training.run import run

        run(settings, found, places, process)
    except InputError as error:
        return _fail(error.problems, places)
    except Stopped as stop:
        return _fail([str(stop)], places, STOPPED)
    except LostPeers as error:
        # on a shared folder the process that failed first has written why
        code = _fail([str(error)], None if places.failure.exists() else places)
        time.sleep(PATIENCE_SECONDS)  # the process that failed first ends first: its reason is the one that is shown
        return code
    except OSError as error:
        return _fail([f"{error.filename or 'input or output'}: {error.strerror or error}"], places)
    except Exception as error:  # a fault of ours: keep the trace for whoever mends it
        traceback.print_exc()
        return _fail([f"{type(error).__name__}: {error}"], places)
    return 0


def _fail(problems: Sequence[str], places: Places | None, code: int = 1) -> int:
    """Reports the problems on stderr and, where there are places, as SageMaker's FailureReason; the exit code."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if places:
        places.failure.parent.mkdir(parents=True, exist_ok=True)
        places.failure.write_text("\n".join(problems)[:MOST_FAILURE_TEXT], encoding="utf-8")
    return code


def _read_flags(arguments: Sequence[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """Paths, and the texts of the settings given by name; unknown flags are settings that `parse` refuses."""
    defaults = Hyperparameters()
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="image folder: train, valid, test / class")
    parser.add_argument("--output", type=Path, metavar="DIR", help="gets model/ and output/")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="state dict of torchvision's ResNet (.pth)")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="kept while it runs; a stopped run goes on")
    group = parser.add_argument_group("settings (hyper-parameters of the same names in SageMaker)")
    for name, setting in SETTINGS.items():
        default = getattr(defaults, field(name))
        group.add_argument(f"--{name}", help=f"{setting.help} (default {default})", metavar="…")
    flags, rest = parser.parse_known_args(arguments)
    texts = {name: getattr(flags, field(name)) for name in SETTINGS}
    given = {name: text for name, text in texts.items() if text is not None}
    given |= {word.removeprefix("--").split("=")[0]: "" for word in rest if word.startswith("--")}
    return flags, given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
