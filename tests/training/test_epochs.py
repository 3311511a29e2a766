"""Steps of an epoch: losses stay on the device until somebody looks at them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from training.batches import Augmentation, Batch
from training.environment import Process
from training.errors import InputError
from training.feed import Feed
from training.images import Images
from training.loop import fit
from training.model import build
from training.progress import EpochProgress
from training.settings import Hyperparameters

SETTINGS = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=4, learning_rate=0.01, augment="none")
Look = tuple[int, float, int]


@pytest.fixture
def images() -> dict[str, Images]:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    return {name: Images([], [0, 1] * 10, 16, pixels) for name in ("train", "valid")}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """Step, sum of losses and number of images at each look."""
    seen: list[Look] = []
    monkeypatch.setattr(EpochProgress, "step", lambda _, *look: seen.append(look))
    return seen


def train(images: dict[str, Images]) -> float:
    torch.manual_seed(0)
    return fit(build(SETTINGS, 2, None), images, SETTINGS, Process()).epochs[0].train_loss


def due_at(monkeypatch: pytest.MonkeyPatch, due: Callable[[int], bool]) -> None:
    asked = iter(range(1, 100))
    monkeypatch.setattr(EpochProgress, "due", property(lambda _: due(next(asked))))


def test_losses_are_read_once_if_nobody_looks(
    images: dict[str, Images], looks: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    due_at(monkeypatch, lambda _: False)
    mean = train(images)
    [(step, loss, count)] = looks
    assert (step, count) == (5, 20)
    assert mean == pytest.approx(loss / 20)


def test_a_look_has_the_steps_since_the_one_before_and_changes_nothing(
    images: dict[str, Images], looks: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    due_at(monkeypatch, lambda _: False)
    unseen = train(images)
    looks.clear()
    due_at(monkeypatch, lambda step: step in (2, 3))
    assert train(images) == unseen  # to the bit
    assert [(step, count) for step, _, count in looks] == [(2, 8), (3, 4), (5, 8)]
    assert sum(loss for _, loss, _ in looks) == pytest.approx(20 * unseen)


def test_a_loss_that_is_no_number_is_told_with_its_step_however_late_it_is_seen(
    images: dict[str, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    due_at(monkeypatch, lambda _: False)
    given, sound = iter(range(1, 100)), Feed.images

    def third_is_none(self: Feed, batch: Batch) -> Any:
        return sound(self, batch) * (torch.nan if next(given) == 3 else 1)

    monkeypatch.setattr(Feed, "images", third_is_none)
    with pytest.raises(InputError, match=r"the loss is not a number in epoch 1, step 3: lower learning-rate \(0\.01\)"):
        train(images)


def test_a_network_learns_from_images_that_the_device_keeps(
    images: dict[str, Images], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: whole images are copied there once, and each step brings rows, boxes and labels alone."""
    brought: list[int] = []
    seen = Feed.images

    def resident(self: Feed, name: str, train: Images) -> Augmentation:
        assert train.cache is not None
        self.keep(train.cache)
        return Augmentation(name, crop_here=False, resident=True)

    def noted(self: Feed, batch: Batch) -> torch.Tensor:
        if batch.boxes is not None:
            brought.append(len(batch.pixels))
        return seen(self, batch)

    monkeypatch.setattr(Feed, "augmentation", resident)
    monkeypatch.setattr(Feed, "images", noted)
    whole = np.random.default_rng(1).integers(0, 256, (20, 24, 24, 3), np.uint8)
    train_images = Images([], [0, 1] * 10, 16, whole, ratios=np.full(20, 1.5, np.float32))
    settings = replace(SETTINGS, augment="photo", epochs=2)
    history = fit(build(settings, 2, None), {**images, "train": train_images}, settings, Process())
    assert brought == [0] * 10
    assert history.epochs[1].train_loss < 2
