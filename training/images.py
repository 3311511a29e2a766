"""Images of a split as squares of the network's size: each decoded once, before the first step, and cached.

The cache is in memory while it is small, else in a file, which the system's page cache holds as far as memory goes.
Reading a square again takes a tenth of the time of decoding it.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from serving.preprocessing import ImageError, read_square
from training.environment import Process
from training.errors import InputError
from training.folder import Folder, relative_name, shorten, without
from training.machine import own_cores

MAX_MEMORY_BYTES = 64 * 2**20  # a sixteenth of an EC2 instance of 1 GiB, where a file's pages give way to the training
SPARE_DISK_BYTES = 2**30  # left for the model, the checkpoints and other programs
ALONE = Process()


class Images:
    """Squares of image files, by index.

    Attributes:
        files: in the order of the indices.
        labels: int64 [n].
        size: side of a square, pixels.
        left_out: one line for each unreadable file that was left out.
    """

    def __init__(
        self,
        files: Sequence[Path],
        labels: Sequence[int],
        size: int,
        cache: np.ndarray | None,
        left_out: Sequence[str] = (),
        process: Process = ALONE,
    ) -> None:
        self.files = files
        self.labels = np.asarray(labels, dtype=np.int64)
        self.size = size
        self.left_out = left_out
        self._cache = cache
        self._process = process

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The squares at `indices`: uint8 [len(indices), size, size, 3]."""
        if self._cache is not None:
            return self._cache[indices]
        with ThreadPoolExecutor(own_cores(self._process)) as pool:  # PIL decodes without the interpreter lock
            return np.stack(list(pool.map(lambda i: read_square(self.files[i].read_bytes(), self.size), indices)))

    def sample(self, count: int, seed: int) -> np.ndarray:
        """At most `count` random squares: uint8 [n, size, size, 3]."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count])


def load(
    folder: Folder, size: int, max_unreadable: float = 0.0, *, keep: bool = True, process: Process = ALONE
) -> dict[str, Images]:
    """Images of each split. Every file is decoded once here, so that a run cannot fail on one later.

    Args:
        max_unreadable: share of the files that may be left out as unreadable, from 0 to 1.
        keep: False caches nothing, for images that are used once: each is checked at a small size.
        process: takes its share of the machine's cores and disk.

    Raises:
        InputError: a larger share is unreadable (the first ten files are named), or a class has no image left.
    """
    caches = _caches(folder, size, process) if keep else dict.fromkeys(folder.splits)
    found = {
        name: _check(folder, split.files, size if keep else 1, caches[name], process)
        for name, split in folder.splits.items()
    }
    problems = {path: line for lines in found.values() for path, line in lines.items()}
    kept = readable(folder, problems, max_unreadable)
    loaded = {}
    for name, split in kept.splits.items():
        cache = caches[name]
        if cache is not None:
            _close_up(cache, [path not in problems for path in folder.splits[name].files])
        loaded[name] = Images(split.files, split.labels, size, cache, list(found[name].values()), process)
    return loaded


def unreadable_images(folder: Folder) -> dict[Path, str]:
    """One line for each file of the data set that is not a readable image."""
    return _check(folder, folder.files, 1, None, ALONE)


def readable(folder: Folder, problems: dict[Path, str], max_unreadable: float) -> Folder:
    """The data set without the files that have a problem.

    Raises:
        InputError: their share of all files is above `max_unreadable`, or a class has no image left.
    """
    lines = shorten(list(problems.values()), "unreadable images")
    if len(problems) > max_unreadable * len(folder.files):
        allowed = f"max-unreadable allows {max_unreadable:g} of them"
        raise InputError([*lines, f"{len(problems)} of {len(folder.files)} images are unreadable, and {allowed}"])
    try:
        return without(folder, problems)
    except InputError as error:
        raise InputError([*lines, *error.problems]) from None


def _caches(folder: Folder, size: int, process: Process) -> dict[str, np.ndarray | None]:
    """Empty caches by split; None if neither memory nor disk has room: images are then decoded in each epoch."""
    shapes = {name: (len(split.files), size, size, 3) for name, split in folder.splits.items()}
    total = len(folder.files) * size * size * 3
    if total <= MAX_MEMORY_BYTES:
        return {name: np.empty(shape, dtype=np.uint8) for name, shape in shapes.items()}
    scratch = tempfile.gettempdir()
    free = shutil.disk_usage(scratch).free // process.local_world - SPARE_DISK_BYTES
    why = "" if total <= free else f"{max(free, 0) / 2**30:.1f} GiB are free for a process"
    if not why:
        try:
            return {name: _on_disk(shape) for name, shape in shapes.items()}
        except OSError as error:  # another program has filled the disk since
            why = error.strerror or str(error)
    print(
        f"{total / 2**30:.1f} GiB of squares do not fit on {scratch} ({why}): decoding them in each epoch", flush=True
    )
    return dict.fromkeys(shapes)


def _on_disk(shape: tuple[int, ...]) -> np.ndarray:
    """A cache in a file without a name.

    Raises:
        OSError: the disk is full; found here, because a write to a map without room would end the process.
    """
    with tempfile.TemporaryFile() as file:  # the map keeps it open
        if hasattr(os, "posix_fallocate"):  # macOS lacks it
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)


def _check(folder: Folder, files: list[Path], size: int, cache: np.ndarray | None, process: Process) -> dict[Path, str]:
    """Decodes every file, into `cache` if there is one; returns one line for each that cannot be decoded."""

    def check(i: int) -> str | None:
        try:
            pixels = read_square(files[i].read_bytes(), size)
        except (ImageError, OSError) as error:
            return f"{relative_name(folder, files[i])}: {error}; replace or remove it"
        if cache is not None:
            cache[i] = pixels
        return None

    with ThreadPoolExecutor(own_cores(process)) as pool:
        found = pool.map(check, range(len(files)))
        return {path: problem for path, problem in zip(files, found, strict=True) if problem}


def _close_up(cache: np.ndarray, keep: Sequence[bool]) -> None:
    """Moves the rows to keep to the front, in place."""
    for to, row in enumerate(np.flatnonzero(keep)):
        if to != row:
            cache[to] = cache[row]
