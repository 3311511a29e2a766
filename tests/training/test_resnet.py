"""The network without torch is torchvision's."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from training.model import build
from training.resnet import DEPTHS, feature_count, shapes, write_classifier
from training.settings import Hyperparameters


def trained_looking(architecture: str) -> nn.Module:
    """A network whose BatchNorms have learnt something."""
    torch.manual_seed(0)
    model = build(Hyperparameters(architecture), 7, None).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias)
    return model


@pytest.mark.parametrize("architecture", DEPTHS)
def test_weights_have_torchvisions_names_and_shapes(architecture: str) -> None:
    state = build(Hyperparameters(architecture), 7, None).state_dict()
    expected = {name: tuple(value.shape) for name, value in state.items() if "num_batches" not in name}
    assert expected.pop("fc.weight") == (7, feature_count(architecture))
    assert expected.pop("fc.bias") == (7,)
    assert shapes(architecture) == expected


@pytest.mark.parametrize("architecture", DEPTHS)
def test_probabilities_are_torchvisions(architecture: str, tmp_path: Path) -> None:
    model = trained_looking(architecture)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    write_classifier(tmp_path / "model.onnx", architecture, state, 48)
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    images = np.random.default_rng(0).normal(size=(3, 3, 48, 48)).astype(np.float32)
    [found] = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(["probabilities"], {"images": images})
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).softmax(1).numpy()
    assert found == pytest.approx(expected, abs=1e-5)
