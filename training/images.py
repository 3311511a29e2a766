"""Images of a split: each decoded once, before the first step, and cached.

Squares of the network's size are what an endpoint makes of an image; crops are cut out of whole images, which are a
little larger.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from serving.preprocessing import Preprocessing
from training.decoding import Form, Readable, decode_again, decode_all, in_processes
from training.environment import Process
from training.errors import InputError, shorten
from training.folder import Folder, relative_name, without
from training.pixel_cache import caches

WHOLE = 1.5  # side of a whole image, of the network's: a crop of half its area has the network's resolution
ALONE = Process()
Empty = Callable[[tuple[int, ...]], np.ndarray]  # makes an array of uint8


class Images:
    """Images of a split, by index.

    Attributes:
        files: in the order of the indices.
        labels: int64 [n].
        size: side of a square, pixels.
        preprocessing: of the network that they are for; a plain one unless told otherwise.
        left_out: one line for each unreadable file that was left out.
        ratios: width of each image by its height, float32 [n]; None if no whole images are kept.
        cache: uint8 [n, side, side, 3], of whole images if there are ratios, else of squares; None decodes again.

    Args:
        sources: where the files' bytes come from; None for the files themselves.
    """

    def __init__(
        self,
        files: Sequence[Path],
        labels: Sequence[int],
        size: int,
        cache: np.ndarray | None,
        left_out: Sequence[str] = (),
        process: Process = ALONE,
        ratios: np.ndarray | None = None,
        sources: Sequence[Readable] | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self.files = files
        self.labels = np.asarray(labels, dtype=np.int64)
        self.size = size
        self.preprocessing = preprocessing or Preprocessing(size)
        self.left_out = left_out
        self.cache = cache
        self.ratios = ratios
        self._process, self._sources = process, sources or files

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray, empty: Empty | None = None) -> np.ndarray:
        """The squares at `indices`: uint8 [len(indices), size, size, 3], in an array that `empty` makes, if given."""
        if self.cache is not None and self.ratios is None:
            return _rows(self.cache, indices, empty)
        return self._decoded(indices, Form(self.size, preprocessing=self.preprocessing))[0]

    def whole(self, indices: np.ndarray, empty: Empty | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Whole images, stretched to squares, uint8 [n, side, side, 3], and their widths by heights, float32 [n]."""
        if self.cache is not None and self.ratios is not None:
            return _rows(self.cache, indices, empty), self.ratios[indices]
        return self._decoded(indices, Form(whole_side(self.size), whole=True))

    def sample(self, count: int, seed: int) -> np.ndarray:
        """At most `count` random squares: uint8 [n, size, size, 3]."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count])

    def _decoded(self, indices: np.ndarray, form: Form) -> tuple[np.ndarray, np.ndarray]:
        return decode_again([self._sources[i] for i in indices], form, len(self), self._process)


def _rows(cache: np.ndarray, indices: np.ndarray, empty: Empty | None) -> np.ndarray:
    if empty is None:
        return cache[indices]
    # "clip" writes without a copy between; there is nothing to clip
    return cache.take(indices, axis=0, out=empty((len(indices), *cache.shape[1:])), mode="clip")


def whole_side(size: int) -> int:
    """Side of whole images for a network that sees squares of `size`, px."""
    return round(WHOLE * size)


def load(
    folder: Folder,
    size: int,
    max_unreadable: float = 0.0,
    *,
    keep: bool = True,
    whole: bool = False,
    process: Process = ALONE,
    preprocessing: Preprocessing | None = None,
) -> dict[str, Images]:
    """Images of each split. Every file is decoded once here, so that a run cannot fail on one later.

    Args:
        max_unreadable: share of the files that may be left out as unreadable, from 0 to 1.
        keep: False caches nothing, for images that are used once: each is checked at a small size.
        whole: True keeps whole images of the training split, to cut crops out of.
        process: takes its share of the machine's cores and disk.
        preprocessing: of the network, for squares of `size`; None for a plain one.

    Raises:
        InputError: a larger share is unreadable (the first ten files are named), or a class has no image left.
    """
    square = Form(size, preprocessing=preprocessing)
    forms = {name: Form(whole_side(size), True) if whole and name == "train" else square for name in folder.splits}
    shapes = {name: (len(split.files), *[forms[name].side] * 2, 3) for name, split in folder.splits.items()}
    shared = any(in_processes(len(split.files), process) for split in folder.splits.values())
    kept = caches(shapes, process.local_world, shared=shared) if keep else dict.fromkeys(shapes)
    outcomes = {
        name: decode_all(folder.sources(split.files), forms[name] if keep else Form(1), kept[name], process)
        for name, split in folder.splits.items()
    }
    problems = {name: _problems(folder, folder.splits[name].files, found) for name, found in outcomes.items()}
    rest = readable(folder, {path: line for lines in problems.values() for path, line in lines.items()}, max_unreadable)
    loaded = {}
    for name, split in rest.splits.items():
        found, cache = outcomes[name], kept[name]
        if cache is not None:
            cache.close_up([not isinstance(outcome, str) for outcome in found])
        ratios = np.array([outcome for outcome in found if not isinstance(outcome, str)], np.float32)
        loaded[name] = Images(
            split.files,
            split.labels,
            size,
            None if cache is None else cache.rows,
            list(problems[name].values()),
            process,
            ratios if forms[name].whole and keep else None,
            folder.sources(split.files),
            preprocessing,
        )
    return loaded


def unreadable_images(folder: Folder) -> dict[Path, str]:
    """One line for each file of the data set that is not a readable image."""
    return _problems(folder, folder.files, decode_all(folder.sources(folder.files), Form(1), None, ALONE))


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


def _problems(folder: Folder, files: Sequence[Path], outcomes: Sequence[float | str]) -> dict[Path, str]:
    """One line for each file that cannot be decoded."""
    return {
        path: f"{relative_name(folder, path)}: {outcome}; replace or remove it"
        for path, outcome in zip(files, outcomes, strict=True)
        if isinstance(outcome, str)
    }
