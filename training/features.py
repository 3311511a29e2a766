"""What a frozen backbone makes of each image: computed once, for every epoch to come."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from serving.preprocessing import ImageError, normalise
from training.batches import MOST_MOVED, moved
from training.engine import Engine
from training.environment import Process
from training.errors import InputError
from training.folder import Folder, shorten
from training.images import Images, unreadable_images
from training.resnet import MEAN, STD


def features(
    images: Images, engine: Engine, *, count: int, views: int, seed: int, process: Process, folder: Folder
) -> np.ndarray:
    """float32 [n, views, count]: this process's share of the images (those from `rank` in steps of `world`), else 0.

    The first view is the image as it is, the others are moved a little; each is decoded once, a few at a time.

    Raises:
        InputError: names the images of the folder that cannot be read.
    """
    reach = images.size // MOST_MOVED
    shifts = np.random.default_rng(seed).integers(0, 2 * reach, (len(images), views, 2), endpoint=True)
    shifts[:, 0] = reach
    found = np.zeros((len(images), views, count), np.float32)
    own = np.arange(process.rank, len(images), process.world)
    batches = [own[start : start + engine.batch] for start in range(0, len(own), engine.batch)]
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
    return found
