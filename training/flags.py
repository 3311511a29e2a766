"""Command-line flags that a training and a tuning have in common, and how both report mistakes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.errors import InputError
from training.settings import SETTINGS, Hyperparameters, field


def add_folders(parser: argparse.ArgumentParser, *, required: bool, output: str) -> None:
    """Adds --data, --output and --weights; `output` is the help text of --output."""
    data = "image folder: train, valid, test / class"
    parser.add_argument("--data", type=user_path, metavar="FOLDER", required=required, help=data)
    parser.add_argument("--output", type=user_path, metavar="DIR", required=required, help=output)
    parser.add_argument("--weights", type=user_path, metavar="FILE", help="file of make weights (.safetensors)")


def user_path(text: str) -> Path:
    """Reads a path. ~ is the home folder: the Makefile quotes paths, so no shell has replaced it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"{text}: there is no such home folder") from None


def add_hyperparameters(parser: argparse.ArgumentParser, title: str) -> None:
    """Adds a flag for each hyper-parameter, all under the title."""
    defaults, group = Hyperparameters(), parser.add_argument_group(title)
    for name, setting in SETTINGS.items():
        group.add_argument(f"--{name}", help=f"{setting.help} (default {getattr(defaults, field(name))})", metavar="…")


def given_hyperparameters(flags: argparse.Namespace) -> dict[str, str]:
    """Texts of the hyper-parameters that the command line gives, by name."""
    return {name: text for name in SETTINGS if (text := getattr(flags, field(name))) is not None}


def check_weights(path: Path | None) -> None:
    """Refuses a path at which there is nothing: the run would start from scratch, unnoticed.

    Raises:
        InputError: no weights at the path.
    """
    if path is not None and not path.exists():
        raise InputError(f"no weights at {path}: correct --weights, or leave it out to start from scratch")


def fail(problems: Sequence[str], code: int = 1) -> int:
    """Prints the problems on stderr; returns the exit code."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return code
