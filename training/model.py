"""The network: torchvision's ResNet with a last layer for our classes, from given weights or from scratch."""

from pathlib import Path

import torch
import torchvision
from torch import nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

from training.errors import InputError
from training.settings import Settings

# statistics of ImageNet, which torchvision's weights were trained with
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def build(settings: Settings, classes: int, weights: Path | None) -> ResNet:
    """ResNet with `classes` outputs; with trainable=head only the last layer learns.

    Args:
        weights: state dict of torchvision's ResNet of this architecture; None starts from scratch.

    Raises:
        InputError: weights that are unreadable or another network's, or a head to train on random layers.
    """
    model = _untrained(settings.architecture)
    if weights is not None:
        _load(model, weights, settings.architecture)
    elif settings.trainable == "head":
        raise InputError("trainable=head needs pretrained weights: give some, or set trainable=all")
    model.fc = nn.Linear(model.fc.in_features, classes)
    if settings.trainable == "head":
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith("fc.")
    return model


def _untrained(architecture: str) -> ResNet:
    """torchvision's network of that name; resnet10 is its ResNet with one block a stage, for small images."""
    if architecture == "resnet10":
        return ResNet(BasicBlock, [1, 1, 1, 1])
    model: ResNet = getattr(torchvision.models, architecture)(weights=None)
    return model


def training_mode(model: ResNet, trainable: str) -> None:
    """Sets what learns to training mode: a frozen layer keeps its BatchNorm statistics, too."""
    model.train(trainable == "all")


def find_weights(place: Path) -> Path | None:
    """The weights file: `place` itself, or the only .pth in that folder; None where there is no such place.

    Raises:
        InputError: a folder with no or several such files.
    """
    if not place.is_dir():
        return place if place.exists() else None
    files = sorted(place.glob("*.pth"))
    if len(files) != 1:
        raise InputError(f"{place} holds {len(files)} .pth files: leave exactly one")
    return files[0]


def _load(model: ResNet, weights: Path, architecture: str) -> None:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        state = {name: value for name, value in state.items() if not name.startswith("fc.")}
        missing, unexpected = model.load_state_dict(state, strict=False)
    except Exception as error:  # unpickling raises all sorts; each means the file is not what it should be
        text = str(error).splitlines()[0]
        raise InputError(f"{weights} is no state dict of torchvision's {architecture}: {text}") from None
    missing = [name for name in missing if not name.startswith("fc.")]
    if missing or unexpected:
        raise InputError(
            f"{weights} is not of {architecture}: {len(missing)} layers missing, {len(unexpected)} unknown"
        )
