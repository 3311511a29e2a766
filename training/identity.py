"""Identity of a run, by which files of a stopped run are recognised. Imports no PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.digests import sha256_of
from training.errors import InputError
from training.settings import SETTINGS, Hyperparameters, field

FORMAT = 1


def identity(settings: Hyperparameters, dataset: str, weights: Path | None) -> dict[str, Any]:
    """Everything that decides a run's result: settings, and digests of the images and of the pretrained weights."""
    start = sha256_of(weights) if weights else "none"
    values = {name: getattr(settings, field(name)) for name in SETTINGS}
    return {**values, "images": dataset, "weights": start, "format": FORMAT}


def check_same(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Compares the identity in a file with that of this run.

    Raises:
        InputError: the file at the path is of another run; the message says what differs.
    """
    different = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
    if different:
        names = ", ".join(f"{name} ({theirs.get(name)}, now {ours.get(name)})" for name in different)
        raise InputError(f"{path} is of another run, with other {names}: remove it, or use another folder")


def damaged(path: Path) -> InputError:
    """The error for a file that cannot be read as a checkpoint."""
    return InputError(f"{path} is no checkpoint of this program: remove it to start anew")
