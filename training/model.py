"""Networks in PyTorch: torchvision's, with a last layer for the data set's classes."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import dropwhile
from typing import TypeVar

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from training.errors import InputError
from training.networks import NETWORKS
from training.settings import Hyperparameters

# Extra losses of their training; what torchvision's own loaders set with weights, and builds without.
_INCEPTIONS = {"aux_logits": False, "init_weights": True, "transform_input": True}
_ARGUMENTS = {"googlenet": _INCEPTIONS, "inception_v3": _INCEPTIONS}
# Momentum of BatchNorm's statistics, PyTorch's default. With their own, 0.01 and 0.0003, MobileNetV3 and MNASNet would
# classify at random after the few steps of a training on thousands of images.
_MOMENTUM = 0.1
T = TypeVar("T")


def build(settings: Hyperparameters, classes: int, state: Mapping[str, np.ndarray] | None) -> nn.Module:
    """Network with `classes` outputs; gradients only for the layers that settings.trainable names.

    Args:
        state: weights of all layers but the last, as `training.weights.read` returns them; None starts from scratch.

    Raises:
        InputError: the weights are another network's.
    """
    model = untrained(settings.architecture)
    last = classifier(model)
    replace(model, last, nn.Linear(last.in_features, classes))
    if state is not None:
        load(model, state, settings.architecture)
    model.requires_grad_(False)
    for parameter in _learning(model, settings):
        parameter.requires_grad = True
    return model


def untrained(architecture: str) -> nn.Module:
    """torchvision's network of that name for ImageNet's classes, ending in a linear layer.

    resnet10 is its ResNet with one block a stage, for small images.
    """
    if architecture == "resnet10":
        return ResNet(BasicBlock, [1, 1, 1, 1])
    model: nn.Module = getattr(torchvision.models, architecture)(weights=None, **_ARGUMENTS.get(architecture, {}))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _MOMENTUM
    if isinstance(model, torchvision.models.SqueezeNet):  # its last layer is a convolution, before the average
        dropout, convolution, _, average = model.classifier
        last = nn.Linear(convolution.in_channels, convolution.out_channels)
        model.classifier = nn.Sequential(dropout, average, nn.Flatten(), last)
    return model


def classifier(model: nn.Module) -> nn.Linear:
    """The last layer."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Puts a layer in another's place."""
    [name] = [name for name, module in model.named_modules() if module is old]
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, new)


def load(model: nn.Module, state: Mapping[str, np.ndarray], architecture: str) -> None:
    """Sets all layers but the last, by torchvision's names.

    Raises:
        InputError: the weights are another network's.
    """
    last = {id(value) for value in classifier(model).state_dict(keep_vars=True).values()}
    own = {name: value for name, value in model.state_dict(keep_vars=True).items() if id(value) not in last}
    # whole numbers are counters of BatchNorm, which nothing needs, and indices, which the network has
    expected = {name for name, value in own.items() if value.is_floating_point()}
    missing, unknown = expected - state.keys(), state.keys() - own.keys()
    other = [name for name in expected & state.keys() if tuple(own[name].shape) != state[name].shape]
    if missing or unknown or other:
        raise InputError(
            f"the weights are not of {architecture}: "
            f"{len(missing)} weights missing, {len(unknown)} unknown, {len(other)} of another shape"
        )
    whole = model.state_dict()  # it has the version of each layer, which some ask for
    whole.update({name: torch.from_numpy(value) for name, value in state.items()})
    model.load_state_dict(whole)


def training_mode(model: nn.Module, settings: Hyperparameters) -> None:
    """Sets the layers that learn to training mode, so that frozen layers also keep their BatchNorm statistics."""
    model.train(settings.trainable == "all")
    if settings.trainable == "last-stage":
        for _, module in _from_last_stage(model.named_modules(), settings):
            module.training = True


def _learning(model: nn.Module, settings: Hyperparameters) -> list[nn.Parameter]:
    """Parameters of the layers that settings.trainable names."""
    if settings.trainable == "head":
        return list(classifier(model).parameters())
    if settings.trainable == "last-stage":
        return [parameter for _, parameter in _from_last_stage(model.named_parameters(), settings)]
    return list(model.parameters())


def _from_last_stage(named: Iterable[tuple[str, T]], settings: Hyperparameters) -> Iterator[tuple[str, T]]:
    """Modules or parameters from the last stage on: torchvision registers them in order, from input to output."""
    start = NETWORKS[settings.architecture].last_stage
    return dropwhile(lambda item: not f"{item[0]}.".startswith(f"{start}."), named)
