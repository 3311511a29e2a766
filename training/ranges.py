"""What a hyper-parameter may be while it is tuned: `0.001..0.1` or `32|64|128`."""

from collections.abc import Callable
from dataclasses import dataclass

FORMS = "LOW..HIGH, or choices as A|B|C"
MOST_CHOICES = 30  # that SageMaker takes: "CategoricalParameterRange", SageMaker API reference


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`: a whole one where both are whole, else on a logarithmic scale."""

    low: int | float
    high: int | float

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)


@dataclass(frozen=True)
class Choice:
    """One of the texts in `values`."""

    values: tuple[str, ...]


Range = Between | Choice


def parse_range(text: str, read: Callable[[str], str | int | float]) -> Range:
    """The range that `text` writes down, each of its values accepted by `read`.

    Raises:
        ValueError: with what is wrong; `read` raises it too, with what was expected.
    """
    if ".." in text:
        low, high = (read(end) for end in text.split("..", 1))
        if isinstance(low, str) or isinstance(high, str):
            raise ValueError("takes no numbers: give choices as A|B|C")
        if low >= high:
            raise ValueError(f"must rise: {low} is not below {high}")
        return Between(low, high)
    values = text.split("|")
    if not 2 <= len(values) <= MOST_CHOICES:
        raise ValueError(f"must be {FORMS}, 2 to {MOST_CHOICES} of them")
    if len({read(value) for value in values}) < len(values):
        raise ValueError("names a choice twice")
    return Choice(tuple(values))


def is_range(text: str) -> bool:
    """Whether a text is meant as a range, and not as the value itself."""
    return ".." in text or "|" in text
