"""Batches: each image once an epoch, the same whatever the number of processes."""

import numpy as np
import pytest

from training.batches import Batch, evaluation_batches, shifted, steps, training_batches
from training.environment import Process
from training.errors import InputError
from training.images import Images


def numbered(count: int, size: int = 16) -> Images:
    """Images that can be told apart: each a random pattern; its number is its label."""
    cache = np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    return Images([], list(range(count)), size, cache)


def an_epoch(images: Images, *, world: int, seed: int = 0, epoch: int = 1) -> list[list[Batch]]:
    """By process, its batches."""
    return [
        list(training_batches(images, batch_size=16, seed=seed, epoch=epoch, process=Process(rank, world)))
        for rank in range(world)
    ]


def labels(batches: list[Batch]) -> list[int]:
    return [int(label) for batch in batches for label in batch.labels]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [32, 53])
def test_an_epoch_has_each_image_once(count: int, world: int) -> None:
    images = Images([], list(range(count)), 16, np.zeros((count, 16, 16, 3), np.uint8))
    processes = an_epoch(images, world=world)
    assert sorted(label for batches in processes for label in labels(batches)) == list(range(count))


@pytest.mark.parametrize("world", [2, 3, 4])
def test_processes_share_the_batches_that_one_process_would_have(world: int) -> None:
    images = numbered(53)
    (alone,) = an_epoch(images, world=1)
    together = zip(*an_epoch(images, world=world), strict=True)
    for whole, shares in zip(alone, together, strict=True):
        assert np.array_equal(np.concatenate([share.labels for share in shares]), whole.labels)
        assert np.array_equal(np.concatenate([share.pixels for share in shares]), whole.pixels)
        assert {share.total for share in shares} == {len(whole.labels)}


def test_batches_differ_by_one_image_at_most() -> None:
    ((*batches,),) = an_epoch(numbered(53), world=1)
    assert [len(batch.labels) for batch in batches] == [14, 13, 13, 13]


def test_order_is_a_matter_of_seed_and_epoch() -> None:
    images = numbered(32)
    orders = {
        tuple(labels(an_epoch(images, world=1, seed=seed, epoch=epoch)[0]))
        for seed, epoch in [(0, 1), (0, 2), (1, 1), (0, 1)]
    }
    assert len(orders) == 3


@pytest.mark.parametrize("world", [1, 2, 4])
def test_evaluation_looks_at_each_image_once_and_unshifted(world: int) -> None:
    images = numbered(53)
    seen = [
        batch
        for rank in range(world)
        for batch in evaluation_batches(images, batch_size=8, process=Process(rank, world))
    ]
    order = labels(seen)
    assert sorted(order) == list(range(53))
    assert np.array_equal(np.concatenate([batch.pixels for batch in seen]), images.take(np.array(order)))


def test_a_process_without_images_to_evaluate_has_no_batches() -> None:
    assert list(evaluation_batches(numbered(2), batch_size=8, process=Process(3, 4))) == []


def test_an_image_moves_and_its_edge_fills_in() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 1, 4, 1).repeat(4, axis=1).repeat(3, axis=3)
    left, still, right = shifted(image.repeat(3, axis=0), np.array([[1, 2], [1, 1], [1, 0]]), reach=1)
    assert left[0, :, 0].tolist() == [1, 2, 3, 3]
    assert still[0, :, 0].tolist() == [0, 1, 2, 3]
    assert right[0, :, 0].tolist() == [0, 0, 1, 2]


def test_batches_too_small_to_split_are_refused() -> None:
    assert steps(images=40, batch_size=8, world=4) == 5
    with pytest.raises(InputError, match="batches of 2 images cannot be split over 4 instances"):
        steps(images=40, batch_size=3, world=4)
