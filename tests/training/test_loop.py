"""A training's result, in one process."""

from pathlib import Path

import torch

from training.environment import Process
from training.folder import inspect
from training.images import load
from training.loop import fit
from training.model import build
from training.settings import Hyperparameters


def test_a_training_of_a_single_step_learns_at_the_peak_rate(few_digits: Path) -> None:
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=64, augment="shift")
    model = build(settings, 2, None)
    before = model.fc.weight.detach().clone()
    fit(model, load(inspect(few_digits), 16), settings, Process())
    assert torch.dist(model.fc.weight, before) > 1e-2 * settings.learning_rate
