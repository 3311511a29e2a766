"""Ranges in which a tuning varies a hyper-parameter: `0.001..0.1` or `32|64|128`."""

from collections.abc import Callable
from dataclasses import dataclass

FORMS = "LOW..HIGH, or choices as A|B|C"
MAX_CHOICES = 30  # SageMaker's limit: "CategoricalParameterRange", SageMaker API reference


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`: a whole number if both are, else on a logarithmic scale."""

    low: int | float
    high: int | float

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)


@dataclass(frozen=True)
class Choice:
    """One of `values`."""

    values: tuple[str, ...]


Range = Between | Choice


def parse_range(text: str, read: Callable[[str], str | int | float]) -> Range:
    """Parses a range; `read` checks each of its values.

    Raises:
        ValueError: the message says what is wrong, or what `read` expected.
    """
    if ".." in text:
        low, high = (read(end) for end in text.split("..", 1))
        if isinstance(low, str) or isinstance(high, str):
            raise ValueError("takes no numbers: give choices as A|B|C")
        if low >= high:
            raise ValueError(f"must rise: {low} is not below {high}")
        return Between(low, high)
    values = text.split("|")
    if not 2 <= len(values) <= MAX_CHOICES:
        raise ValueError(f"must be {FORMS}, 2 to {MAX_CHOICES} of them")
    if len({read(value) for value in values}) < len(values):
        raise ValueError("names a choice twice")
    return Choice(tuple(values))


def is_range(text: str) -> bool:
    """True if the text is a range, False if it is a single value."""
    return ".." in text or "|" in text
