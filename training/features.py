"""Features of a frozen backbone: computed once for each image, and used in every epoch."""

from collections.abc import Iterator, Sequence
from threading import Event

import numpy as np

from serving.preprocessing import ImageError, normalise
from training.batches import MAX_SHIFT, ahead, shifted
from training.engine import Engine
from training.environment import Process
from training.errors import InputError, Stopped
from training.folder import Folder, shorten
from training.images import Images, unreadable_images
from training.kept_features import KeptFeatures
from training.progress import FeatureProgress
from training.resnet import MEAN, STD


def features(
    images: Images,
    engine: Engine,
    *,
    count: int,
    views: int,
    seed: int,
    process: Process,
    folder: Folder,
    kept: KeptFeatures | None = None,
    stop: Event | None = None,
) -> np.ndarray:
    """Features, float32 [n, views, count]: computed for this process's share (`rank`, `rank` + `world` …), else 0.

    The first view is the image itself, the others are shifted a little. Each image is decoded once, a few at a time.

    Args:
        kept: features of an earlier run, and where this run saves its own; None saves nothing.
        stop: set to stop the run after its current batch; None never stops it.

    Raises:
        InputError: names the unreadable images of the folder; the kept features are of another run.
        Stopped: `stop` is set; what has been computed is saved.
    """
    kept, stop = kept or KeptFeatures(), stop or Event()
    found = np.zeros((len(images), views, count), np.float32)
    share, own = (every[process.rank :: process.world] for every in (found, np.arange(len(images))))  # share: a view
    done = _resume(share, kept, process)
    batches = [own[start : start + engine.batch] for start in range(done, len(own), engine.batch)]
    reach = int(images.size * MAX_SHIFT)
    shifts = _shifts(len(images), views, reach, seed)
    # the other processes are about as far
    with FeatureProgress(kept.split, len(images), done * process.world, quiet=process.rank != 0) as progress:
        for batch, pixels in _decoded(images, batches, folder):
            for view in range(views):
                seen = shifted(pixels, shifts[batch, view], reach) if view else pixels
                found[batch, view] = engine.run(normalise(seen, MEAN, STD))
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


def _shifts(images: int, views: int, reach: int, seed: int) -> np.ndarray:
    """Shift of each view in rows and columns, [images, views, 2], for `shifted`; the first view is not shifted."""
    shifts = np.random.default_rng(seed).integers(0, 2 * reach, (images, views, 2), endpoint=True)
    shifts[:, 0] = reach
    return shifts


def _decoded(images: Images, batches: Sequence[np.ndarray], folder: Folder) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each batch with its pixels; the next is decoded while the engine runs."""
    try:
        yield from zip(batches, ahead(images.take, batches), strict=True)
    except (ImageError, OSError):
        raise InputError(shorten(list(unreadable_images(folder).values()), "unreadable images")) from None
