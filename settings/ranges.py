"""A setting that holds what tuning may try for another setting, as text."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from training.ranges import FORMS, Range, parse_range
from training.settings import Recipe, declared


def range_field(name: str, example: str) -> Any:
    """The range of the setting `name`, or empty."""
    return Field(
        description=f"values of `{name}` that tuning tries; empty: not tuned",
        json_schema_extra={"allowed": f"{FORMS}, such as {example}, or empty"},
    )


def _check_range(value: str, info: ValidationInfo) -> str:
    if value:
        read_range(value, str(info.field_name).removeprefix("tuning_"))
    return value


RangeText = Annotated[str, AfterValidator(_check_range)]  # of a setting tuning_<name>


def read_range(text: str, name: str) -> Range:
    """The range `text` for the setting `name`, whose own limits hold for each value; ValueError when it is none."""
    declaration = declared(Recipe)[name]

    def read(value: str) -> str | int | float:
        try:
            return declaration.read(value)
        except ValueError:
            raise ValueError(f"must be {FORMS}; {value!r} is not {declaration.expected}") from None

    return parse_range(text, read)
