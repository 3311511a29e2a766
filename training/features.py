"""What a frozen backbone makes of each image: computed once, for every epoch to come."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np

from serving.preprocessing import ImageError, normalise
from training.batches import MOST_MOVED, moved
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
    """float32 [n, views, count]: this process's share of the images (those from `rank` in steps of `world`), else 0.

    The first view is the image as it is, the others are moved a little; each is decoded once, a few at a time.

    Args:
        kept: what an earlier run has computed, and where this one keeps its own; None keeps nothing.
        stop: set when the run is to stop after its present batch; None never is.

    Raises:
        InputError: names the images of the folder that cannot be read; what is kept is of another run.
        Stopped: it was, and what has been computed is kept.
    """
    kept, stop = kept or KeptFeatures(), stop or Event()
    reach = images.size // MOST_MOVED
    shifts = np.random.default_rng(seed).integers(0, 2 * reach, (len(images), views, 2), endpoint=True)
    shifts[:, 0] = reach
    found = np.zeros((len(images), views, count), np.float32)
    own, share = np.arange(len(images))[process.rank :: process.world], found[process.rank :: process.world]
    before = kept.load(views, count)
    done = len(before)
    share[:done] = before
    if done and process.rank == 0:
        print(f"going on after the features of {done} {kept.split} images, from {kept.folder}", flush=True)
    batches = [own[start : start + engine.batch] for start in range(done, len(own), engine.batch)]
    # the others go as fast: of the images of all, so many are done as this process has done of its own
    progress = FeatureProgress(kept.split, len(images), done * process.world) if process.rank == 0 else None
    with ThreadPoolExecutor(1) as reader:  # the next images are decoded while the engine runs
        following = reader.submit(images.take, batches[0]) if batches else None
        for number, batch in enumerate(batches):
            assert following is not None
            try:
                pixels = following.result()
            except (ImageError, OSError):
                raise InputError(shorten(list(unreadable_images(folder).values()), "unreadable images")) from None
            if number + 1 < len(batches):
                following = reader.submit(images.take, batches[number + 1])
            for view in range(views):
                seen = moved(pixels, shifts[batch, view], reach) if view else pixels
                found[batch, view] = engine.run(normalise(seen, MEAN, STD))
            done += len(batch)
            if progress:
                progress.step(len(batch) * process.world)
            if stop.is_set():
                kept.save(share[:done])
                what = f"the features of {done} of {len(own)} {kept.split} images"
                where = f"{kept.folder} has them" if kept.folder else "no --checkpoints were asked for"
                raise Stopped(f"stopped as asked (SIGTERM) after {what}: {where}")
            kept.save_seldom(share[:done])
    if batches:
        kept.save(share)
    if progress:
        progress.end()
    return found
