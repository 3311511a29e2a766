"""A setting that holds what tuning may try for another setting, as text."""

from typing import Any

from pydantic import Field

from training.ranges import FORMS, Range, parse_range
from training.settings import Recipe, declared


def range_field(name: str, example: str) -> Any:
    """The range of the setting `name`, or empty."""
    return Field(
        description=f"values of `{name}` that tuning tries; empty: not tuned",
        json_schema_extra={"allowed": f"{FORMS}, such as {example}, or empty"},
    )


def read_range(text: str, name: str) -> Range:
    """The range `text` for the setting `name`, whose own limits hold for each value; ValueError when it is none."""
    declaration = declared(Recipe)[name]

    def read(value: str) -> str | int | float:
        try:
            return declaration.read(value)
        except ValueError:
            raise ValueError(f"must be {FORMS}; {value!r} is not {declaration.expected}") from None

    return parse_range(text, read)
