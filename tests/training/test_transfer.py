"""Networks of three families, taught the digits 0 to 4, learn the digits 5 to 9: the head, the last stage and all."""

import json
from pathlib import Path

import pytest
import torch

from bench.photos import write_halves
from tools.deploy.convert_weights import pack
from training.__main__ import main
from training.environment import Process
from training.folder import inspect
from training.images import load
from training.loop import fit
from training.model import build
from training.preparation import preprocessing
from training.settings import Hyperparameters

LEARNT = 0.5  # of five classes; a head on what a small network learnt of 500 digits has room for no more
# Epochs at these rates; a head learns on features that are computed once.
LEARN = {"head": (20, 0.1), "last-stage": (5, 0.02), "all": (5, 0.02)}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("architecture", "size", "rate"),
    [("resnet10", 32, 0.02), ("shufflenet_v2_x0_5", 64, 0.05), ("mobilenet_v3_small", 64, 0.05)],
)
def test_what_was_learnt_helps_to_learn_other_classes(
    architecture: str, size: int, rate: float, tmp_path: Path
) -> None:
    first, second = write_halves(tmp_path / "digits")
    settings = Hyperparameters(architecture, size, epochs=12, learning_rate=rate, batch_size=32, augment="shift")
    torch.manual_seed(0)
    model = build(settings, 5, None)
    fit(model, load(inspect(first), size, preprocessing=preprocessing(settings)), settings, Process())
    weights = pack(model, architecture, tmp_path)

    found = {}
    for trainable, (epochs, learning_rate) in LEARN.items():
        flags = {
            "architecture": architecture, "image-size": size, "batch-size": 32, "epochs": epochs,
            "learning-rate": learning_rate, "trainable": trainable, "augment": "shift", "export-int8": "never",
        }  # fmt: skip
        places = ["--data", str(second), "--output", str(tmp_path / trainable), "--weights", str(weights)]
        assert main([*places, *(f"--{name}={value}" for name, value in flags.items())]) == 0
        metrics = json.loads((tmp_path / trainable / "output" / "data" / "metrics.json").read_text())
        found[trainable] = metrics["test"]["accuracy"]

    assert {trainable: accuracy for trainable, accuracy in found.items() if accuracy < LEARNT} == {}
