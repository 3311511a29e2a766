"""Features of a frozen backbone: computed once for each image, and used in every epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np

from serving.preprocessing import ImageError
from training.augment import CROPPING, MAX_SHIFT, Crops, cropped, shifted
from training.batches import ahead
from training.engine import Engine
from training.environment import Process
from training.errors import InputError, Stopped, shorten
from training.folder import Folder
from training.images import Images, unreadable_images
from training.kept_features import KeptFeatures
from training.progress import FeatureProgress


def features(
    images: Images,
    engine: Engine,
    *,
    count: int,
    views: int,
    augment: str,
    seed: int,
    process: Process,
    folder: Folder,
    kept: KeptFeatures | None = None,
    stop: Event | None = None,
) -> np.ndarray:
    """Features, float32 [n, views, count]: computed for this process's share (`rank`, `rank` + `world` …), else 0.

    The first view is the image itself, the others are augmented. Images are decoded a few at a time.

    Args:
        kept: features of an earlier run, and where this run saves its own; None saves nothing.
        stop: set to stop the run after its current batch; None never stops it.

    Raises:
        InputError: names the unreadable images of the folder; the kept features are of another run; features that are
            not numbers.
        Stopped: `stop` is set; what has been computed is saved.
    """
    kept, stop = kept or KeptFeatures(), stop or Event()
    found = np.zeros((len(images), views, count), np.float32)
    share, own = (every[process.rank :: process.world] for every in (found, np.arange(len(images))))  # share: a view
    done = _resume(share, kept, process)
    batches = [own[start : start + engine.batch] for start in range(done, len(own), engine.batch)]
    seen = _Views(images, views, augment, seed)
    # the other processes are about as far
    with FeatureProgress(kept.split, len(images), done * process.world, quiet=process.rank != 0) as progress:
        for batch, decoded in _decoded(seen, batches, folder):
            for view in range(views):
                found[batch, view] = engine.run(images.preprocessing.normalise(seen.view(view, batch, decoded)))
            _require_numbers(found[batch], [images.files[row] for row in batch], engine)
            done += len(batch)
            progress.step(len(batch) * process.world)
            if stop.is_set():
                kept.save(share[:done])
                computed = f"the features of {done} of {len(own)} {kept.split} images"
                raise Stopped(f"stopped as asked (SIGTERM) after {computed}: {kept}")
            kept.save_seldom(share[:done])
        if batches:
            kept.save(share)
    return found


def _require_numbers(features: np.ndarray, files: Sequence[Path], engine: Engine) -> None:
    """Raises InputError that names the first of the files whose features are not numbers."""
    sound = np.isfinite(features).all((1, 2))
    if not sound.all():
        raise InputError(
            f"the frozen layers give features of {files[int(sound.argmin())].name} that are not numbers, in "
            f"{engine.name}: give other weights, or another precision"
        )


def gather(own: np.ndarray, process: Process, stop: Event) -> np.ndarray:
    """Sum of the processes' arrays, each of which is 0 outside its share.

    Raises:
        Stopped: the other processes have stopped, and `stop` is set here.
    """
    if process.world == 1:
        return own
    import torch

    from training.distributed import summed

    try:
        return summed(torch.from_numpy(own)).numpy()
    except RuntimeError:
        if stop.is_set():
            raise Stopped("stopped as asked (SIGTERM) while the other processes computed features") from None
        raise


def _resume(share: np.ndarray, kept: KeptFeatures, process: Process) -> int:
    """Copies the kept features into this process's share; returns their number."""
    before = kept.load(*share.shape[1:])
    share[: len(before)] = before
    if len(before) and process.rank == 0:
        print(f"going on after the features of {len(before)} {kept.split} images, from {kept.folder}", flush=True)
    return len(before)


@dataclass(frozen=True)
class _Decoded:
    """A batch: squares, uint8 [n, size, size, 3]; whole images and their widths by heights, if crops are cut."""

    squares: np.ndarray
    whole: np.ndarray | None = None
    ratios: np.ndarray | None = None


class _Views:
    """Views of images: the first is the image itself, the others are augmented."""

    def __init__(self, images: Images, views: int, augment: str, seed: int) -> None:
        self._images, self._views = images, views
        random = np.random.default_rng(seed)
        self._cropping = views > 1 and augment in CROPPING
        self._crops = Crops.draw(random, len(images) * views) if self._cropping else None
        self._reach = int(images.size * MAX_SHIFT) if augment == "shift" else 0
        self._shifts = random.integers(0, 2 * self._reach, (len(images), views, 2), endpoint=True)

    def decode(self, batch: np.ndarray) -> _Decoded:
        squares = self._images.take(batch)
        return _Decoded(squares, *self._images.whole(batch)) if self._cropping else _Decoded(squares)

    def view(self, number: int, batch: np.ndarray, decoded: _Decoded) -> np.ndarray:
        """View `number` of a batch, uint8 [n, size, size, 3]."""
        if not number:
            return decoded.squares
        if self._crops is None or decoded.whole is None or decoded.ratios is None:
            return shifted(decoded.squares, self._shifts[batch, number], self._reach)
        boxes = self._crops.boxes(batch * self._views + number, decoded.ratios)
        size = self._images.size
        return np.stack([cropped(*each, size) for each in zip(decoded.whole, boxes, strict=True)])


def _decoded(views: _Views, batches: Sequence[np.ndarray], folder: Folder) -> Iterator[tuple[np.ndarray, _Decoded]]:
    """Each batch with its images; the next is decoded while the engine runs."""
    try:
        yield from zip(batches, ahead(views.decode, batches), strict=True)
    except (ImageError, OSError):
        raise InputError(shorten(list(unreadable_images(folder).values()), "unreadable images")) from None
