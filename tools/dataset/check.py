"""The one check a data set passes before it is uploaded: what passes here, a training accepts, and nothing else."""

import sys
from pathlib import Path

from training.folder import Folder, inspect, shorten
from training.images import readable, unreadable_images
from training.settings import Hyperparameters


def checked(root: Path, *, max_unreadable: float = Hyperparameters().max_unreadable) -> Folder:
    """The data set, whole, each image decoded once; files that a training would leave out are named on stderr.

    Args:
        max_unreadable: the training's setting: share of the files that may be left out, from 0 to 1.

    Raises:
        InputError: names every problem of shape, and up to ten unreadable images where they are too many.
    """
    folder = inspect(root)
    problems = unreadable_images(folder)
    readable(folder, problems, max_unreadable)
    for line in shorten(list(problems.values()), "unreadable images"):
        print(f"warning: a training leaves out {line}", file=sys.stderr)
    return folder
