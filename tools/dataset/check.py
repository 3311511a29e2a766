"""Checks a data set before it is uploaded, exactly as the training will, and says what its result would hide."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tools.dataset.contents import same_images
from tools.dataset.listing import with_list
from tools.dataset.progress import MANY, bar
from training.errors import shorten
from training.folder import Folder, Split, inspect, relative_name
from training.images import readable, unreadable_images
from training.outcome import wilson
from training.settings import Hyperparameters

MAX_TIMES = 10  # as many images as another class
MAX_WIDTH = 0.2  # of the interval that a test set may leave, at an accuracy of 0.8


def checked(root: Path, *, max_unreadable: float = Hyperparameters().max_unreadable) -> Folder:
    """Check the data set and decode each image once.

    Prints a warning for each image that a training would skip, or that is in two splits or classes, for a test set that
    is too small to tell much, and for each class that is much smaller than another.

    Args:
        max_unreadable: maximum share of unreadable images, 0 to 1: the setting of that name.

    Returns:
        The whole data set, unreadable images included, with the list of its images.

    Raises:
        InputError: with every problem of the layout, or up to ten unreadable images if there are too many.
    """
    folder = inspect(root)
    problems = _unreadable(folder)
    readable(folder, problems, max_unreadable)
    warnings = [f"training will skip {line}" for line in shorten(list(problems.values()), "unreadable images")]
    warnings += shorten(_repeated(folder), "such images")
    warnings += _tiny(len(folder.splits["test"].files))
    warnings += shorten(_uneven(folder), "such classes")
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    return with_list(folder)


def _unreadable(folder: Folder) -> dict[Path, str]:
    """One line for each file that is not a readable image, with a progress bar for many."""
    found: dict[Path, str] = {}
    files = folder.files
    with bar("check", len(files)) as advance:
        for start in range(0, len(files), MANY):
            part = Split(files[start : start + MANY], [])
            found |= unreadable_images(replace(folder, splits={"": part}))
            advance(len(part.files))
    return found


def _repeated(folder: Folder) -> list[str]:
    """A line for each image that is in several splits, where a test of it tells nothing, or in several classes."""
    lines = []
    for paths in same_images(folder.files, folder.read).values():
        names = ", ".join(shorten([relative_name(folder, path) for path in paths], "names of it"))
        lines += [f"the same image is in several {what}, keep one: {names}" for what in _differences(folder, paths)]
    return lines


def _differences(folder: Folder, paths: list[Path]) -> Iterator[str]:
    parts = [path.relative_to(folder.root).parts for path in paths]
    for place, what in enumerate(("splits", "classes")):
        if len({part[place] for part in parts}) > 1:
            yield what
            return


def _tiny(count: int) -> list[str]:
    right = round(0.8 * count)
    low, high = wilson(right, count)
    if high - low <= MAX_WIDTH:
        return []
    return [
        f"{count} test images tell little: {right} of them right would mean an accuracy from {low:.0%} to {high:.0%} "
        "(95 % interval); add test images"
    ]


def _uneven(folder: Folder) -> list[str]:
    """A line for each class with a small part of the largest one's images: a training may ignore it."""
    counts = Counter(folder.splits["train"].labels)
    [(largest, count)] = counts.most_common(1)
    return [
        f"class {folder.classes[label]} has {own} training images, {folder.classes[largest]} {count}: the model may "
        "hardly recognise it; add images of it"
        for label, own in sorted(counts.items(), key=lambda item: item[1])
        if own * MAX_TIMES < count
    ]
