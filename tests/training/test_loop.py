"""A training's result, in one process."""

from pathlib import Path

import pytest
import torch

from training.environment import Process
from training.folder import inspect
from training.images import load
from training.loop import _advise, fit
from training.model import build
from training.settings import Hyperparameters


def test_a_training_of_a_single_step_learns_at_the_peak_rate(few_digits: Path) -> None:
    settings = Hyperparameters("resnet10", image_size=16, epochs=1, batch_size=64, augment="shift")
    model = build(settings, 2, None)
    before = model.fc.weight.detach().clone()
    fit(model, load(inspect(few_digits), 16), settings, Process())
    assert torch.dist(model.fc.weight, before) > 1e-2 * settings.learning_rate


@pytest.mark.parametrize(
    ("seconds", "said"), [(300, ""), (1800, "compile=always would save some 9 of the next 30 minutes\n")]
)
def test_a_long_training_is_told_what_compiling_would_save(
    seconds: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _advise(seconds)
    assert capsys.readouterr().out == said
