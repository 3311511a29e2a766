"""Checks a data set before it is uploaded, exactly as the training will."""

import sys
from pathlib import Path

from training.folder import Folder, inspect, shorten
from training.images import readable, unreadable_images
from training.settings import Hyperparameters


def checked(root: Path, *, max_unreadable: float = Hyperparameters().max_unreadable) -> Folder:
    """Check the data set and decode each image once; print a warning for each image that a training would skip.

    Args:
        max_unreadable: maximum share of unreadable images, 0 to 1: the setting of that name.

    Returns:
        The whole data set, unreadable images included.

    Raises:
        InputError: with every problem of the layout, or up to ten unreadable images if there are too many.
    """
    folder = inspect(root)
    problems = unreadable_images(folder)
    readable(folder, problems, max_unreadable)
    for line in shorten(list(problems.values()), "unreadable images"):
        print(f"warning: training will skip {line}", file=sys.stderr)
    return folder
