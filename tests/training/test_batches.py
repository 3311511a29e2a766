"""Batches: each image once an epoch, the same whatever the number of processes."""

import numpy as np
import pytest

from training.augment import cropped, shifted
from training.batches import Augmentation, Batch, evaluation_batches, steps, training_batches
from training.environment import Process
from training.errors import InputError
from training.images import Images


def numbered(count: int, size: int = 16) -> Images:
    """Images that can be told apart: each a random pattern; its number is its label."""
    cache = np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    return Images([], list(range(count)), size, cache)


def an_epoch(images: Images, *, world: int, seed: int = 0, epoch: int = 1, augment: str = "shift") -> list[list[Batch]]:
    """By process, its batches."""
    return [
        list(
            training_batches(
                images, Augmentation(augment), batch_size=16, seed=seed, epoch=epoch, process=Process(rank, world)
            )
        )
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


def whole(count: int, size: int = 16) -> Images:
    """Whole images, wide and high ones; the number of each is its label."""
    random = np.random.default_rng(0)
    cache = random.integers(0, 256, (count, 24, 24, 3)).astype(np.uint8)
    return Images([], list(range(count)), size, cache, ratios=random.uniform(0.5, 2, count).astype(np.float32))


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("augment", ["none", "shift", "photo"])
def test_processes_share_the_batches_that_one_process_would_have(world: int, augment: str) -> None:
    images = whole(53) if augment == "photo" else numbered(53)
    (alone,) = an_epoch(images, world=1, augment=augment)
    together = zip(*an_epoch(images, world=world, augment=augment), strict=True)
    for step, shares in zip(alone, together, strict=True):
        assert np.array_equal(np.concatenate([share.labels for share in shares]), step.labels)
        assert np.array_equal(np.concatenate([share.pixels for share in shares]), step.pixels)
        assert {share.total for share in shares} == {len(step.labels)}


@pytest.mark.parametrize("world", [2, 4])
def test_each_process_mixes_the_images_that_one_process_would(world: int) -> None:
    images = whole(53)
    (alone,) = an_epoch(images, world=1, augment="strong")
    for step, shares in zip(alone, zip(*an_epoch(images, world=world, augment="strong"), strict=True), strict=True):
        assert step.rows[0] == step.rows[-1]  # the first image is mixed with the last
        assert np.array_equal(np.concatenate([share.rows[1:] for share in shares]), step.rows[1:])
        assert np.array_equal(np.concatenate([share.rows[:-1] for share in shares]), step.rows[:-1])
        for values in (lambda mixes: mixes.shares, lambda mixes: mixes.keys[1:], lambda mixes: mixes.keys[:-1]):
            assert np.array_equal(np.concatenate([values(share.mixes) for share in shares]), values(step.mixes))


@pytest.mark.parametrize("augment", ["shift", "photo", "strong"])
def test_an_image_changes_in_each_epoch_and_with_the_seed(augment: str) -> None:
    images = whole(20) if augment != "shift" else numbered(20)
    seen = []
    for seed, epoch in [(0, 1), (0, 2), (1, 1), (0, 1)]:
        ((*batches,),) = an_epoch(images, world=1, seed=seed, epoch=epoch, augment=augment)
        seen.append(
            {int(row): image.tobytes() for step in batches for row, image in zip(step.rows, step.pixels, strict=True)}
        )
    first, *others, again = seen
    assert again == first
    assert all(sum(other[row] != first[row] for row in first) > 15 for other in others)


def test_a_run_that_goes_on_sees_what_it_would_have_seen() -> None:
    images = whole(53)
    (alone,) = an_epoch(images, world=1, augment="strong")
    rest = training_batches(images, Augmentation("strong"), batch_size=16, seed=0, epoch=1, process=Process(), skip=2)
    for step, expected in zip(rest, alone[2:], strict=True):
        assert np.array_equal(step.pixels, expected.pixels)
        assert np.array_equal(step.rows, expected.rows)


def test_a_device_gets_whole_images_and_what_to_cut_out_of_them() -> None:
    images = whole(32)
    here, there, resident = (
        list(training_batches(images, how, batch_size=16, seed=0, epoch=1, process=Process()))
        for how in (
            Augmentation("photo"),
            Augmentation("photo", crop_here=False),
            Augmentation("photo", crop_here=False, resident=True),
        )
    )
    for cut, uncut, kept in zip(here, there, resident, strict=True):
        assert uncut.boxes is not None and kept.boxes is not None
        assert np.array_equal(uncut.pixels, images.whole(uncut.rows)[0])
        crops = [cropped(image, box, 16) for image, box in zip(uncut.pixels, uncut.boxes, strict=True)]
        assert np.array_equal(cut.pixels, np.stack(crops))
        assert len(kept.pixels) == 0
        assert np.array_equal(kept.boxes, uncut.boxes) and np.array_equal(kept.rows, uncut.rows)


def test_pixels_are_read_into_the_memory_that_is_given() -> None:
    given: list[np.ndarray] = []

    def empty(shape: tuple[int, ...]) -> np.ndarray:
        given.append(np.empty(shape, np.uint8))
        return given[-1]

    how = Augmentation("photo", crop_here=False)
    trained = training_batches(whole(32), how, batch_size=16, seed=0, epoch=1, process=Process(), empty=empty)
    judged = evaluation_batches(numbered(32), batch_size=16, process=Process(), empty=empty)
    assert all(step.pixels is memory for step, memory in zip([*trained, *judged], given, strict=True))


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
