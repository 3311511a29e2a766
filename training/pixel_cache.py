"""Caches of decoded images: in memory while they are small, else in a file, which the page cache holds as memory goes.

Reading pixels again takes a tenth of the time of decoding them.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from multiprocessing import reduction
from typing import Any, BinaryIO

import numpy as np

MAX_MEMORY_BYTES = 64 * 2**20  # a sixteenth of an EC2 instance of 1 GiB, where a file's pages give way to the training
SPARE_DISK_BYTES = 2**30  # left for the model, the checkpoints and other programs


class PixelCache:
    """Rows of pixels, uint8 [n, side, side, 3], as `rows`; with a file, other processes can write them."""

    def __init__(self, shape: tuple[int, ...], file: BinaryIO | None = None) -> None:
        self.file = file
        self._shape = shape
        if file:
            self.rows: np.ndarray = np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)
        else:
            self.rows = np.empty(shape, dtype=np.uint8)

    @classmethod
    def on_disk(cls, shape: tuple[int, ...]) -> "PixelCache":
        """A cache in a file without a name.

        Raises:
            OSError: the disk is full; found here, because a write to a map without room would end the process.
        """
        file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the cache is
        if hasattr(os, "posix_fallocate"):  # macOS lacks it
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        else:
            file.truncate(math.prod(shape))
        return cls(shape, file)  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the open file for a process that is being started, as multiprocessing does its connections."""
        assert self.file
        return _opened, (self._shape, reduction.DupFd(self.file.fileno()))

    def close_up(self, keep: Sequence[bool]) -> None:
        """Moves the rows to keep to the front, in place."""
        for to, row in enumerate(np.flatnonzero(keep)):
            if to != row:
                self.rows[to] = self.rows[row]


def _opened(shape: tuple[int, ...], descriptor: Any) -> PixelCache:
    return PixelCache(shape, os.fdopen(descriptor.detach(), "r+b"))


def caches(shapes: dict[str, tuple[int, ...]], processes: int, *, shared: bool) -> dict[str, PixelCache | None]:
    """Empty caches by split; None if neither memory nor disk has room: images are then decoded in each epoch.

    Args:
        processes: number of them on this machine, each with caches of its own.
        shared: True if other processes write the rows, for which they lie in a file.
    """
    total = sum(map(math.prod, shapes.values()))
    small = total <= MAX_MEMORY_BYTES
    if small and not shared:
        return {name: PixelCache(shape) for name, shape in shapes.items()}
    scratch = tempfile.gettempdir()
    free = shutil.disk_usage(scratch).free // processes - SPARE_DISK_BYTES
    why = "" if total <= free else f"{max(free, 0) / 2**30:.1f} GiB are free for a process"
    if not why:
        try:
            return {name: PixelCache.on_disk(shape) for name, shape in shapes.items()}
        except OSError as error:  # another program has filled the disk since
            why = error.strerror or str(error)
    if small:
        return {name: PixelCache(shape) for name, shape in shapes.items()}
    print(f"{total / 2**30:.1f} GiB of pixels do not fit on {scratch} ({why}): decoding them in each epoch", flush=True)
    return dict.fromkeys(shapes)
