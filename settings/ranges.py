"""A setting that holds what tuning may try for another setting, as text."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from settings.text import allowed
from training.ranges import FORMS, Range, parse_range


def range_field(name: str, example: str) -> Any:
    """The range of the setting `name`, or empty."""
    return Field(
        description=f"values of `{name}` that tuning tries; empty: not tuned",
        json_schema_extra={"allowed": f"{FORMS}, such as {example}, or empty"},
    )


def read_range(text: str, tuned: FieldInfo) -> Range:
    """The range `text` for the setting `tuned`, whose own limits hold for each value; ValueError when it is none."""
    type_: Any = Annotated[tuned.annotation, tuned]
    adapter: TypeAdapter[str | int | float] = TypeAdapter(type_)

    def read(value: str) -> str | int | float:
        try:
            return adapter.validate_python(value)
        except ValidationError:
            raise ValueError(f"must be {FORMS}; {value!r} is not {allowed(tuned)}") from None

    return parse_range(text, read)
