"""Hyper-parameters: names, defaults, ranges. The same names in SageMaker's JSON and as flags on a laptop."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from training.errors import InputError

ARCHITECTURES = ("resnet10", "resnet18", "resnet34", "resnet50")
TRAINABLE = ("head", "last-stage", "all")
PRECISIONS = ("auto", "fp32", "bf16", "int8")
SHA256_DIGITS = 64


@dataclass(frozen=True)
class Hyperparameters:
    """One training run; `parse` is the way to make it from text."""

    architecture: str = "resnet18"
    image_size: int = 224
    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 0.005
    trainable: str = "all"
    seed: int = 0
    max_unreadable: float = 0.01
    weights_sha256: str = ""
    views: int = 1
    precision: str = "auto"
    export_int8: str = "auto"
    compile: str = "never"


@dataclass(frozen=True)
class Setting:
    """How one hyper-parameter is read and explained.

    Attributes:
        read: turns the text into the value; raises ValueError with what was expected.
        help: one line for `--help`, unit included.
    """

    read: Callable[[str], str | int | float]
    help: str


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            near = get_close_matches(text, choices, n=1)
            raise ValueError(f"one of {', '.join(choices)}" + (f" (did you mean {near[0]}?)" if near else ""))
        return text

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        expected = f"a whole number from {low} to {high}"
        try:
            value = int(text)
        except ValueError:
            raise ValueError(expected) from None
        if not low <= value <= high:
            raise ValueError(expected)
        return value

    return read


def _sha256(text: str) -> str:
    if text and (len(text) != SHA256_DIGITS or set(text) - set("0123456789abcdef")):
        raise ValueError("the 64 hex digits that sha256sum prints of the file")
    return text


def _number(above: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        expected = f"a number above {above:g} and at most {high:g}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not (math.isfinite(value) and above < value <= high):
            raise ValueError(expected)
        return value

    return read


def _share(text: str) -> float:
    expected = "a number from 0 to 1"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(expected) from None
    if not 0 <= value <= 1:
        raise ValueError(expected)
    return value


SETTINGS: dict[str, Setting] = {
    "architecture": Setting(_one_of(*ARCHITECTURES), f"network: {', '.join(ARCHITECTURES)}"),
    "image-size": Setting(_whole(16, 1024), "side of the square the network sees, pixels"),
    "epochs": Setting(_whole(1, 1000), "passes over the training images"),
    "batch-size": Setting(_whole(2, 65536), "images a step, over all instances together"),
    "learning-rate": Setting(_number(0, 10), "peak learning rate of the one-cycle schedule"),
    "trainable": Setting(_one_of(*TRAINABLE), "layers that learn: head, last-stage (both need weights) or all"),
    "seed": Setting(_whole(0, 2**31 - 1), "seed of everything random"),
    "max-unreadable": Setting(_share, "share of the images that may be left out as unreadable, from 0 to 1"),
    "weights-sha256": Setting(_sha256, "sha256 that the weights file must have; empty for any"),
    "views": Setting(_whole(1, 100), "views of an image that a head learns from: itself, then moved ones"),
    "precision": Setting(
        _one_of(*PRECISIONS), "arithmetic of a head's frozen layers; auto: the fastest of the machine"
    ),
    "export-int8": Setting(
        _one_of("auto", "never"), "auto: the int8 model where it costs at most 0.5 points of accuracy"
    ),
    "compile": Setting(_one_of("never", "always"), "always: torch.compile, worth its minutes in long runs on a GPU"),
}


def field(name: str) -> str:
    """Name of the attribute of `Hyperparameters` that holds the hyper-parameter `name`."""
    return name.replace("-", "_")


def parse(texts: Mapping[str, str]) -> Hyperparameters:
    """Hyper-parameters from the texts given by name; what is not given keeps its default.

    Raises:
        InputError: with a line for every unknown name and every value out of range.
    """
    problems = []
    values: dict[str, str | int | float] = {}
    for name, text in texts.items():
        if name not in SETTINGS:
            near = get_close_matches(field(name).replace("_", "-"), SETTINGS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTINGS)}"
            problems.append(f"unknown setting {name}: {hint}")
            continue
        try:
            values[field(name)] = SETTINGS[name].read(text)
        except ValueError as expected:
            problems.append(f"{name} is {text!r}: give {expected}")
    if problems:
        raise InputError(problems)
    return Hyperparameters(**values)  # type: ignore[arg-type]  # each read returns its field's type
