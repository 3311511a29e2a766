"""Hyper-parameters, each declared once: name, type, default, range and help.

They are read from here by the training program, where the same names are flags on a laptop and keys of SageMaker's
JSON, by the settings of a deployment, and by tuning. No package but Python's own: SageMaker's image has no pydantic.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, get_type_hints

from training.errors import InputError
from training.networks import NAMES, check_name, check_size, check_trainable

SHA256_DIGITS = 64


@dataclass(frozen=True)
class Setting:
    """Reader and description of one hyper-parameter.

    Attributes:
        expected: the values it takes, in words.
        read: turns the text into the value; raises ValueError with what was expected.
        help: one line for `--help` and docs/settings.md, unit included.
    """

    expected: str
    read: Callable[[str], str | int | float]
    help: str


def _one_of(*choices: str, help: str) -> Setting:
    expected = f"one of {', '.join(choices)}"

    def read(text: str) -> str:
        if text not in choices:
            near = get_close_matches(text, choices, n=1)
            raise ValueError(expected + (f" (did you mean {near[0]}?)" if near else ""))
        return text

    return Setting(expected, read, help)


def _within(expected: str, type_: type[int] | type[float], low: float, high: float, help: str) -> Setting:
    def read(text: str) -> int | float:
        try:
            value = type_(text)
        except ValueError:
            raise ValueError(expected) from None
        if not low <= value <= high:  # false for what is not a number, too
            raise ValueError(expected)
        return value

    return Setting(expected, read, help)


def _whole(low: int, high: int, help: str) -> Setting:
    return _within(f"a whole number from {low} to {high}", int, low, high, help)


def _share(help: str) -> Setting:
    return _within("a number from 0 to 1", float, 0, 1, help)


def _positive(high: float, help: str) -> Setting:
    return _within(f"a number above 0 and at most {high:g}", float, math.nextafter(0, 1), high, help)


def _sha256(printed_by: str, help: str) -> Setting:
    expected = f"the {SHA256_DIGITS} hex digits that {printed_by}"

    def read(text: str) -> str:
        if text and (len(text) != SHA256_DIGITS or set(text) - set("0123456789abcdef")):
            raise ValueError(expected)
        return text

    return Setting(expected, read, help)


def _network(help: str) -> Setting:
    def read(text: str) -> str:
        check_name(text)
        return text

    return Setting(NAMES, read, help)


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters that are settings of a deployment too, in the order in which a job gets them."""

    architecture: Annotated[str, _network("network to fine-tune; onnx: the backbone of `make weights FILE=….onnx`")] = (
        "resnet18"
    )
    image_size: Annotated[int, _whole(16, 600, "side of the square the network sees, px")] = 128
    epochs: Annotated[int, _whole(1, 1000, "passes over the training images")] = 20
    batch_size: Annotated[int, _whole(2, 65536, "images a step, over all instances together")] = 64
    learning_rate: Annotated[float, _positive(1, "peak learning rate of the one-cycle schedule")] = 0.02
    trainable: Annotated[
        str, _one_of("head", "last-stage", "all", help="layers that are trained; all but `all` need weights")
    ] = "all"
    seed: Annotated[int, _whole(0, 2**31 - 1, "seed of every random choice in training")] = 0
    max_unreadable: Annotated[float, _share("share of the images that a training may leave out as unreadable")] = 0.01
    augment: Annotated[
        str,
        _one_of(
            "none",
            "shift",
            "photo",
            "strong",
            help="changes of training images; shift: by a sixteenth, for what must not be mirrored, as digits; photo: "
            "crops and mirrors; strong: colours, rotations, mixed images and averaged weights too",
        ),
    ] = "photo"
    class_weights: Annotated[
        str, _one_of("none", "balanced", help="balanced: each class counts the same, whatever its number of images")
    ] = "none"
    views: Annotated[
        int, _whole(1, 100, "views of an image that a head is trained on: the image itself, then augmented ones")
    ] = 1
    precision: Annotated[
        str,
        _one_of("auto", "fp32", "bf16", "int8", help="arithmetic of a head's frozen layers; auto: the fastest"),
    ] = "auto"
    export_int8: Annotated[
        str,
        _one_of(
            "auto",
            "never",
            help="auto: serve the int8 model if it is 1.2 times as fast and costs 0.5 points of test accuracy at most",
        ),
    ] = "auto"
    compile: Annotated[
        str, _one_of("never", "always", help="always: compile the network first, worth its minutes in long GPU runs")
    ] = "never"


@dataclass(frozen=True)
class Hyperparameters(Recipe):
    """One training run; `parse` is the way to make it from text."""

    weights_sha256: Annotated[
        str, _sha256("sha256sum prints of the file", "sha256 that the weights file must have; empty for any")
    ] = ""
    dataset_digest: Annotated[
        str, _sha256("make upload prints of the images", "digest that the images must have; empty for any")
    ] = ""


def declared(of: type[Recipe]) -> dict[str, Setting]:
    """Declarations of all hyper-parameters, by the attribute's name."""
    hints = get_type_hints(of, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


SETTINGS = {name.replace("_", "-"): setting for name, setting in declared(Hyperparameters).items()}


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
    chosen = {**vars(Recipe()), **values}
    for name, check in (("image_size", check_size), ("trainable", check_trainable)):
        try:
            check(chosen["architecture"], chosen[name])
        except ValueError as expected:
            problems.append(f"{name.replace('_', '-')} is {str(chosen[name])!r}: give {expected}")
    if problems:
        raise InputError(problems)
    settings = Hyperparameters(**values)  # type: ignore[arg-type]  # each read returns its field's type
    if problem := cannot_augment(settings.augment, settings.trainable):
        raise InputError(f"augment is {settings.augment!r}: {problem}")
    return settings


def cannot_augment(augment: str, trainable: str) -> str:
    """Says why the layers, or one of several choices `A|B`, cannot learn with the augmentation; empty if they can."""
    if augment == "strong" and "head" in trainable.split("|"):
        return "trainable=head sees an image's features, which cannot be mixed: set augment=photo, or trainable=all"
    return ""
