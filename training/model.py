"""The network in PyTorch: torchvision's ResNet with a last layer for the data set's classes."""

import torch
import torchvision
from torch import nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

from training.resnet import LAST_STAGE
from training.settings import Hyperparameters
from training.weights import Weights

HEAD = "fc."
LEARNING = {"head": (HEAD,), "last-stage": (LAST_STAGE, HEAD), "all": ("",)}  # prefixes of parameter names


def build(settings: Hyperparameters, classes: int, state: Weights | None) -> ResNet:
    """ResNet with `classes` outputs; gradients only for the layers that settings.trainable names.

    Args:
        state: weights of all layers but the last, as `training.weights.read` returns them; None starts from scratch.
    """
    model = _untrained(settings.architecture)
    model.fc = nn.Linear(model.fc.in_features, classes)
    if state is not None:
        model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(LEARNING[settings.trainable])
    return model


def _untrained(architecture: str) -> ResNet:
    """torchvision's network of that name; resnet10 is its ResNet with one block a stage, for small images."""
    if architecture == "resnet10":
        return ResNet(BasicBlock, [1, 1, 1, 1])
    model: ResNet = getattr(torchvision.models, architecture)(weights=None)
    return model


def training_mode(model: ResNet, trainable: str) -> None:
    """Sets the layers that learn to training mode, so that frozen layers also keep their BatchNorm statistics."""
    model.train(trainable == "all")
    if trainable == "last-stage":
        model.layer4.train()
