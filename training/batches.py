"""Batches of images: a function of seed and epoch alone, for any number of processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.environment import Process
from training.errors import InputError
from training.images import Images

MAX_SHIFT = 1 / 16  # of an image's side

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """One process's share of a step.

    Attributes:
        pixels: uint8 [n, size, size, 3].
        labels: int64 [n].
        total: number of images of this step, over all processes.
    """

    pixels: np.ndarray
    labels: np.ndarray
    total: int


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
    images: Images, *, batch_size: int, seed: int, epoch: int, process: Process, skip: int = 0
) -> Iterator[Batch]:
    """This process's share of each step of an epoch: every image once, in a new order each epoch, shifted a little.

    Args:
        skip: number of steps of the epoch that are done.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(images))
    reach = int(images.size * MAX_SHIFT)
    shifts = random.integers(0, 2 * reach, (len(images), 2), endpoint=True)

    def read(batch: np.ndarray) -> Batch:
        own = np.array_split(batch, process.world)[process.rank]
        return Batch(shifted(images.take(own), shifts[own], reach), images.labels[own], len(batch))

    return ahead(read, np.array_split(order, steps(len(images), batch_size, process.world))[skip:])


def evaluation_batches(images: Images, *, batch_size: int, process: Process) -> Iterator[Batch]:
    """This process's share of the images, unchanged; the shares of all processes are disjoint and complete."""
    own = np.arange(process.rank, len(images), process.world)

    def read(batch: np.ndarray) -> Batch:
        return Batch(images.take(batch), images.labels[batch], len(batch))

    return ahead(read, [own[start : start + batch_size] for start in range(0, len(own), batch_size)])


def shifted(pixels: np.ndarray, shifts: np.ndarray, reach: int) -> np.ndarray:
    """Squares shifted by `shifts - reach` pixels; edge pixels are repeated.

    There is no other augmentation because this one changes no class: a mirrored b is a d.

    Args:
        pixels: uint8 [n, size, size, 3].
        shifts: whole numbers [n, 2], rows and columns, from 0 to 2 * reach.
    """
    size = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return windows[np.arange(len(pixels)), shifts[:, 0], shifts[:, 1]].transpose(0, 2, 3, 1)


def ahead(read: Callable[[np.ndarray], T], batches: Sequence[np.ndarray]) -> Iterator[T]:
    """Results of `read` for each batch, the next of which is read while the current one is used."""
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(read, batches[0]) if batches else None
        for batch in [*batches[1:], None]:
            current = following
            following = reader.submit(read, batch) if batch is not None else None
            if current:
                yield current.result()
