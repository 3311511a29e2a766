"""The network's input, made of a batch's bytes; on a processor here, and by the same code on a GPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from serving.preprocessing import Preprocessing
from training.augment import Crops, cropped
from training.batches import Batch, Mixes
from training.feed import Feed
from training.feed import cropped as cropped_on_device

CPU, SIDE, WHOLE = torch.device("cpu"), 32, 48
PREPROCESSING = Preprocessing(SIDE)


@pytest.fixture
def photographs() -> np.ndarray:
    """Whole images, uint8 [6, 48, 48, 3], smooth as photographs are."""
    coarse = torch.rand(6, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 255
    smooth = torch.nn.functional.interpolate(coarse, size=WHOLE, mode="bicubic").clamp(0, 255)
    return smooth.permute(0, 2, 3, 1).round().to(torch.uint8).numpy()


@pytest.fixture
def boxes() -> np.ndarray:
    return Crops.draw(np.random.default_rng(0), 6).boxes(np.arange(6), np.ones(6, np.float32))


ROWS = np.array([4, 0, 3, 1, 2, 5])


def batch(pixels: np.ndarray, boxes: np.ndarray | None = None, mixes: Mixes | None = None) -> Batch:
    return Batch(ROWS, np.zeros(6, np.int64), 6, pixels[ROWS], boxes, mixes)


def feed() -> Feed:
    return Feed(CPU, PREPROCESSING)


def mixes(seed: int = 1) -> Mixes:
    random = np.random.default_rng(seed)
    return Mixes(random.integers(2**62, size=6), random.random(5, np.float32))


def test_bytes_become_the_input_that_serving_gives_the_network(photographs: np.ndarray) -> None:
    given = batch(photographs)
    assert np.array_equal(feed().images(given).numpy(), PREPROCESSING.normalise(given.pixels))


def test_a_device_cuts_the_crops_that_a_processor_cuts(photographs: np.ndarray, boxes: np.ndarray) -> None:
    theirs = cropped_on_device(torch.from_numpy(photographs).permute(0, 3, 1, 2), torch.from_numpy(boxes), SIDE)
    ours = np.stack([cropped(pixels, box, SIDE) for pixels, box in zip(photographs, boxes, strict=True)])
    assert theirs.permute(0, 2, 3, 1).numpy() == pytest.approx(ours.astype(float), abs=12)
    assert np.abs(theirs.permute(0, 2, 3, 1).numpy() - ours).mean() < 1


def test_pixels_that_the_device_has_need_not_come_again(photographs: np.ndarray, boxes: np.ndarray) -> None:
    resident = feed()
    resident.keep(photographs)
    given = batch(photographs, boxes)
    assert torch.equal(resident.images(replace(given, pixels=given.pixels[:0])), feed().images(given))


def test_strong_changes_of_an_image_follow_from_its_key(photographs: np.ndarray) -> None:
    one = np.ones(5, np.float32)  # nothing of the image before
    keys = np.arange(6)
    alone = feed().images(batch(photographs, mixes=Mixes(keys, one)))
    again = feed().images(batch(photographs, mixes=Mixes(keys, one)))
    others = feed().images(batch(photographs, mixes=Mixes(keys + 100, one)))
    assert torch.equal(alone, again)
    assert not torch.equal(alone, others)
    assert not torch.equal(alone, feed().images(batch(photographs))[1:])


def test_the_random_numbers_of_dropout_are_left_alone(photographs: np.ndarray) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    feed().images(batch(photographs, mixes=mixes()))
    assert torch.equal(torch.get_rng_state(), state)


def test_an_image_is_mixed_with_the_one_before_it(photographs: np.ndarray) -> None:
    given = mixes()
    whole = feed().images(batch(photographs, mixes=Mixes(given.keys, np.ones(5, np.float32))))
    before = feed().images(batch(photographs, mixes=Mixes(given.keys, np.zeros(5, np.float32))))
    mixed = feed().images(batch(photographs, mixes=given))
    shares = torch.from_numpy(given.shares).reshape(-1, 1, 1, 1)
    assert torch.allclose(mixed, shares * whole + (1 - shares) * before, atol=1e-5)
    assert torch.equal(before[1:], whole[:-1])
