"""Images of a split as the network's size of squares: decoded once and kept when they fit in memory."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from serving.preprocessing import ImageError, decode, square
from training.errors import InputError
from training.folder import Folder, relative_name, shorten

MAX_CACHE_BYTES = 512 * 2**20


class Images:
    """Squares of some files, by index.

    Attributes:
        labels: int64 [n].
        size: side of a square, pixels.
    """

    def __init__(self, files: list[Path], labels: list[int], size: int, cache: np.ndarray | None) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)
        self._files = files
        self.size = size
        self._cache = cache

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The squares at `indices`: uint8 [len(indices), size, size, 3]."""
        if self._cache is not None:
            return self._cache[indices]
        return np.stack(_decode_all([self._files[i] for i in indices], self.size))


def load(folder: Folder, size: int) -> dict[str, Images]:
    """Images of each split; every file has been decoded once, so a run cannot fail on one later.

    Raises:
        InputError: names the first ten images that cannot be read, and counts the others.
    """
    fits = len(folder.files) * size * size * 3 <= MAX_CACHE_BYTES
    unreadable: list[str] = []
    loaded = {}
    for name, split in folder.splits.items():
        cache = np.empty((len(split.files), size, size, 3), dtype=np.uint8) if fits else None
        unreadable += _check(folder, split.files, size, cache)
        loaded[name] = Images(split.files, split.labels, size, cache)
    if unreadable:
        raise InputError(shorten(unreadable, "unreadable images"))
    return loaded


def unreadable_images(folder: Folder) -> list[str]:
    """A line for each file of the data set that is not a readable image."""
    return _check(folder, folder.files, 1, None)


def _check(folder: Folder, files: list[Path], size: int, cache: np.ndarray | None) -> list[str]:
    """Decodes every file, into `cache` when there is one; a line for each that cannot be."""

    def check(i: int) -> str | None:
        try:
            pixels = _decode(files[i], size)
        except (ImageError, OSError) as error:
            return f"{relative_name(folder, files[i])}: {error}; replace or remove it"
        if cache is not None:
            cache[i] = pixels
        return None

    with ThreadPoolExecutor(_threads()) as pool:
        return [problem for problem in pool.map(check, range(len(files))) if problem]


def _decode_all(files: list[Path], size: int) -> list[np.ndarray]:
    with ThreadPoolExecutor(_threads()) as pool:  # PIL lets go of the interpreter lock while it decodes
        return list(pool.map(lambda path: _decode(path, size), files))


def _decode(path: Path, size: int) -> np.ndarray:
    return square(decode(path.read_bytes()), size)


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
