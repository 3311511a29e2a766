"""Batches of images: a function of seed and epoch alone, for any number of processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.augment import CROPPING, MAX_SHIFT, MIXING, MIXUP_ALPHA, Crops, cropped, shifted
from training.environment import Process
from training.errors import InputError
from training.images import Empty, Images
from training.machine import own_cores

T = TypeVar("T")


@dataclass(frozen=True)
class Mixes:
    """Draws for strong augmentation.

    Attributes:
        keys: seed of each image's changes, int64 [n + 1].
        shares: of each image but the first in its mixture with the one before it, float32 [n].
    """

    keys: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Batch:
    """One process's share of a step.

    Attributes:
        rows: indices of the images, int64 [n]; with `mixes` [n + 1], as each image is mixed with the one before it.
        labels: int64, for each row.
        total: number of images of this step, over all processes.
        pixels: uint8, for each row [side, side, 3]; of no row if the device has them.
        boxes: for each row the crop that is still to be cut out of a whole image, as `Crops.boxes`.
    """

    rows: np.ndarray
    labels: np.ndarray
    total: int
    pixels: np.ndarray
    boxes: np.ndarray | None = None
    mixes: Mixes | None = None


@dataclass(frozen=True)
class Augmentation:
    """Changes of the training images, and the place where they are cut out.

    Attributes:
        name: value of the setting `augment`.
        crop_here: False leaves crops to the device.
        resident: True if the device has the pixels already.
    """

    name: str
    crop_here: bool = True
    resident: bool = False


def steps(images: int, batch_size: int, world: int) -> int:
    """Number of steps in an epoch: batches differ by at most one image, and none is larger than `batch_size`.

    Raises:
        InputError: a batch would leave a process without an image, or BatchNorm with a single one.
    """
    count = -(-images // batch_size)
    smallest = images // count
    if smallest < max(2, world):
        raise InputError(
            f"batches of {smallest} images cannot be split over {world} instances: "
            f"raise batch-size ({batch_size}), add training images ({images}) or use fewer instances"
        )
    return count


def training_batches(
    images: Images,
    augmentation: Augmentation,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    process: Process,
    skip: int = 0,
    empty: Empty | None = None,
) -> Iterator[Batch]:
    """This process's share of each step of an epoch: every image once, in a new order each epoch, augmented.

    Args:
        skip: number of steps of the epoch that are done.
        empty: makes arrays for pixels; None takes ordinary memory.
    """
    draws = _Draws(augmentation, images, np.random.default_rng([seed, epoch]), process, empty)

    def read(batch: np.ndarray) -> Batch:
        own = np.array_split(np.arange(len(batch)), process.world)[process.rank]
        return draws.batch(batch[own], batch[own[0] - 1], len(batch))

    return ahead(read, np.array_split(draws.order, steps(len(images), batch_size, process.world))[skip:])


def evaluation_batches(
    images: Images, *, batch_size: int, process: Process, empty: Empty | None = None
) -> Iterator[Batch]:
    """This process's share of the images, unchanged; the shares of all processes are disjoint and complete."""
    own = np.arange(process.rank, len(images), process.world)

    def read(batch: np.ndarray) -> Batch:
        return Batch(batch, images.labels[batch], len(batch), images.take(batch, empty))

    return ahead(read, [own[start : start + batch_size] for start in range(0, len(own), batch_size)])


class _Draws:
    """Random choices of an epoch: the order of the images, and changes of each."""

    def __init__(
        self,
        augmentation: Augmentation,
        images: Images,
        random: np.random.Generator,
        process: Process,
        empty: Empty | None,
    ) -> None:
        count = len(images)
        self._how, self._images, self._empty, self._threads = augmentation, images, empty, own_cores(process)
        self.order = random.permutation(count)
        self._reach = int(images.size * MAX_SHIFT)
        if augmentation.name == "shift":
            self._shifts = random.integers(0, 2 * self._reach, (count, 2), endpoint=True)
        if augmentation.name in CROPPING:
            self._crops = Crops.draw(random, count)
        if augmentation.name in MIXING:
            self._keys = random.integers(2**63 - 1, size=count)
            self._shares = random.beta(MIXUP_ALPHA, MIXUP_ALPHA, count).astype(np.float32)

    def batch(self, own: np.ndarray, before: int, total: int) -> Batch:
        """A batch of the images `own`; `before` is the one before them in the step."""
        rows, mixes = own, None
        if self._how.name in MIXING:
            rows = np.concatenate([[before], own])
            mixes = Mixes(self._keys[rows], self._shares[own])
        pixels, boxes = self._pixels(rows)
        return Batch(rows, self._images.labels[rows], total, pixels, boxes, mixes)

    def _pixels(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels of the rows, and the crops that are still to be cut."""
        images = self._images
        if self._how.resident:
            assert images.ratios is not None
            return np.empty((0, 0, 0, 3), np.uint8), self._crops.boxes(rows, images.ratios[rows])
        if self._how.name not in CROPPING:
            squares = images.take(rows, self._empty)
            if self._how.name == "shift":
                squares = shifted(squares, self._shifts[rows], self._reach)
            return squares, None
        whole, ratios = images.whole(rows, self._empty)
        boxes = self._crops.boxes(rows, ratios)
        if not self._how.crop_here:
            return whole, boxes
        with ThreadPoolExecutor(self._threads) as pool:  # Pillow scales without the interpreter lock
            return np.stack(list(pool.map(cropped, whole, boxes, [images.size] * len(rows)))), None


def ahead(read: Callable[[np.ndarray], T], batches: Sequence[np.ndarray]) -> Iterator[T]:
    """Results of `read` for each batch, the next of which is read while the current one is used."""
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(read, batches[0]) if batches else None
        for batch in [*batches[1:], None]:
            current = following
            following = reader.submit(read, batch) if batch is not None else None
            if current:
                yield current.result()
