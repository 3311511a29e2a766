"""A training's result, in one process."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.augment import CROPPING
from training.environment import Process
from training.errors import InputError
from training.folder import inspect
from training.images import load
from training.loop import _advise, fit, predict
from training.model import build
from training.settings import Hyperparameters


def test_a_training_of_a_single_step_learns_at_the_peak_rate(few_digits: Path) -> None:
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=64, augment="shift")
    model = build(settings, 2, None)
    before = model.fc.weight.detach().clone()
    fit(model, load(inspect(few_digits), 16), settings, Process())
    assert torch.dist(model.fc.weight, before) > 1e-2 * settings.learning_rate


def test_a_network_that_is_no_number_in_validation_is_no_result(few_digits: Path) -> None:
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, augment="shift")
    model = build(settings, 2, None)
    model.bn1.running_mean.fill_(torch.nan)  # which training does not read
    with pytest.raises(
        InputError, match="the loss is not a number in the validation after epoch 1: lower learning-rate"
    ):
        fit(model, load(inspect(few_digits), 16), settings, Process())


@pytest.mark.parametrize(
    ("seconds", "said"), [(300, ""), (1800, "compile=always would save some 9 of the next 30 minutes\n")]
)
def test_a_long_training_is_told_what_compiling_would_save(
    seconds: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _advise(seconds)
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "augment",
    [
        pytest.param("strong", marks=pytest.mark.long),
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("none", "shift", "photo")),
    ],
)
def test_a_network_learns_with_each_augmentation(tmp_path: Path, augment: str) -> None:
    """Stripes that lie, and stripes that stand, in images of 48 × 32 pixels."""
    random = np.random.default_rng(0)
    for split, count in {"train": 40, "valid": 20, "test": 20}.items():
        for label in ("lie", "stand"):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(count):
                bright, dark = random.integers(130, 256, 3), random.integers(0, 110, 3)
                stripes = np.where((np.arange(32)[:, None] // 4 if label == "lie" else np.arange(48) // 4) % 2, 1, 0)
                pixels = np.where(np.broadcast_to(stripes, (32, 48))[..., None], bright, dark).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / label / f"{number}.png")
    settings = Hyperparameters("resnet10", image_size=32, epochs=8, batch_size=16, learning_rate=0.01, augment=augment)
    images = load(inspect(tmp_path), 32, whole=augment in CROPPING)
    torch.manual_seed(0)
    model = build(settings, 2, None)
    fit(model, images, settings, Process())
    assert predict(model, images["test"], 16, Process()).score.accuracy >= 0.9
