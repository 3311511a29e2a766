"""Augmentation draws what torchvision's recipe draws, and cuts what was drawn."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from training.augment import Crops, cropped


def boxes(ratio: float, images: int = 20_000, seed: int = 0) -> np.ndarray:
    crops = Crops.draw(np.random.default_rng(seed), images)
    return crops.boxes(np.arange(images), np.full(images, ratio, np.float32))


def of_torchvision(width: int, height: int, images: int = 20_000) -> np.ndarray:
    """Left, top, width and height as shares of the image, by the recipe's own transform."""
    torch.manual_seed(0)
    image = torch.empty(3, height, width)
    found = [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(images)]
    top, left, high, wide = np.array(found, float).T
    return np.column_stack([left / width, top / height, wide / width, high / height])


@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (400, 400), (1000, 200)])
def test_crops_are_distributed_as_those_of_torchvision(width: int, height: int) -> None:
    """torchvision's references/classification/presets.py: RandomResizedCrop with its own scale and ratio."""
    ours, theirs = boxes(width / height)[:, :4], of_torchvision(width, height)
    shares = np.linspace(0.02, 0.98, 25)
    assert np.quantile(ours, shares, axis=0) == pytest.approx(np.quantile(theirs, shares, axis=0), abs=0.03)


def test_crops_lie_within_the_image_and_half_are_mirrored() -> None:
    for ratio in (0.1, 0.75, 1.0, 1.5, 9.0):
        left, top, width, height, mirrored = boxes(ratio).T
        assert min(left.min(), top.min(), width.min(), height.min()) >= 0
        assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
        assert mirrored.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("ratio", "expected"), [(20.0, [7 / 15, 0, 1 / 15, 1]), (0.05, [0, 7 / 15, 1, 1 / 15])])
def test_an_image_too_long_for_any_try_is_cut_in_its_middle(ratio: float, expected: list[float]) -> None:
    found = boxes(ratio)[:, :4]
    fallen_back = np.isclose(found, expected, atol=1e-3).all(1)
    assert fallen_back.any()


def test_the_draws_of_an_image_do_not_depend_on_which_others_are_asked_for() -> None:
    crops = Crops.draw(np.random.default_rng(7), 50)
    ratios = np.linspace(0.5, 2, 50, dtype=np.float32)
    some = np.array([49, 3, 20])
    assert np.array_equal(crops.boxes(some, ratios[some]), crops.boxes(np.arange(50), ratios)[some])


def test_a_crop_shows_what_its_box_names() -> None:
    whole = np.zeros((90, 90, 3), np.uint8)
    whole[30:60, 45:90] = 200
    inside = np.array([0.5, 1 / 3, 0.5, 1 / 3, 0], np.float32)
    assert (cropped(whole, inside, 20)[2:-2, 2:] == 200).all()  # scaling mixes in what lies beside
    everything = cropped(whole, np.array([0, 0, 1, 1, 0], np.float32), 30)
    assert everything.shape == (30, 30, 3)
    assert everything[15, 25].tolist() == [200] * 3 and everything[15, 4].tolist() == [0] * 3
    mirrored = cropped(whole, np.array([0, 0, 1, 1, 1], np.float32), 30)
    assert np.array_equal(mirrored, everything[:, ::-1])


def test_the_proportions_of_a_crop_are_those_of_the_image() -> None:
    """A whole image is kept stretched; a crop that is square in it is square again."""
    disc = Image.new("L", (200, 100))
    disc.paste(255, (80, 30, 120, 70))  # a square of 40 in the image
    stretched = np.asarray(disc.convert("RGB").resize((100, 100)))
    # the square [60, 10, 140, 90] of the image
    crop = cropped(stretched, np.array([0.3, 0.1, 0.4, 0.8, 0], np.float32), 80)[..., 0] > 127
    assert crop.any(0).sum() == pytest.approx(crop.any(1).sum(), abs=2) == pytest.approx(40, abs=2)
