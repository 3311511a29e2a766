"""Constraints of botocore's service models: required members, lengths, ranges, enums and regular expressions.

botocore's clients check little of it; the services refuse what their models do not allow. Their words:
https://github.com/aws/sagemaker-python-sdk/issues/384 (pattern), https://github.com/zenml-io/zenml/issues/1517
(length), https://github.com/aws-samples/sagemaker-ml-workflow-with-apache-airflow/issues/3 (several).
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

_PYTHON: dict[str, tuple[type, ...]] = {
    "structure": (dict,), "map": (dict,), "list": (list,), "string": (str,), "boolean": (bool,), "integer": (int,),
    "long": (int,), "float": (int, float), "double": (int, float),
}  # fmt: skip
_NUMBERS = ("integer", "long", "float", "double")
# Classes of Java that are about Unicode; the others, such as \d, \w and \p{Print}, are about ASCII.
_UNICODE = (r"\p{L}", r"\p{M}", r"\p{Z}", r"\p{S}", r"\p{N}", r"\p{P}")


class Violation(NamedTuple):
    """A member at `path` that breaks a constraint; `value` is None where it must not be shown."""

    path: str
    value: str | None
    constraint: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}"
        return f"Value{shown} at '{self.path}' failed to satisfy constraint: Member must {self.constraint}"


class WrongType(Exception):
    """A value that JSON gives another type than the model."""


def message(violations: list[Violation]) -> str:
    """The services' message for these violations."""
    some = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {some} detected: {'; '.join(map(str, violations))}"


def violations(value: Any, shape: Shape, path: str = "", *, partial: bool = False) -> Iterator[Violation]:
    """Members of `value` that the shape does not allow; `partial` lets required ones be missing.

    Raises:
        WrongType: a value has another type than the shape.
    """
    if shape.type_name in _PYTHON:
        _require_type(value, shape, path)
    for constraint in _broken(value, shape):
        yield Violation(path, _shown(value, shape), constraint)
    match shape:
        case StructureShape():
            for name in shape.required_members:
                if value.get(name) is None and not partial:
                    yield Violation(_below(path, name), "null", "not be null")
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    yield from violations(value[name], member, _below(path, name), partial=partial)
        case ListShape():
            for number, item in enumerate(value, 1):
                yield from violations(item, shape.member, f"{path}.{number}.member", partial=partial)
        case MapShape():
            for key, item in value.items():
                yield from violations(key, shape.key, f"{path}.{key}.key", partial=partial)
                yield from violations(item, shape.value, f"{path}.{key}.value", partial=partial)


def _require_type(value: Any, shape: Shape, path: str) -> None:
    good = isinstance(value, _PYTHON[shape.type_name])
    if not good or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise WrongType(f"{path or 'the request'} must be of type {shape.type_name}, not {type(value).__name__}")


def _broken(value: Any, shape: Shape) -> Iterator[str]:
    """Constraints of the shape itself that the value breaks, as the rest of a sentence."""
    size, what = (value, "value") if shape.type_name in _NUMBERS else (None, "length")
    if shape.type_name in ("string", "list", "map"):
        size = len(value)
    known = shape.metadata
    if size is not None and size < known.get("min", size):
        yield f"have {what} greater than or equal to {known['min']}"
    if size is not None and size > known.get("max", size):
        yield f"have {what} less than or equal to {known['max']}"
    if "enum" in known and value not in known["enum"]:
        yield f"satisfy enum value set: [{', '.join(known['enum'])}]"
    if "pattern" in known and not _compiled(known["pattern"]).fullmatch(value):
        yield f"satisfy regular expression pattern: {known['pattern']}"


@cache
def _compiled(pattern: str) -> "regex.Pattern[str]":
    """The pattern, which Java reads, for Python: in Java a pair of surrogates is one character."""
    python = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return regex.compile(python, 0 if any(name in pattern for name in _UNICODE) else regex.ASCII)


def _shown(value: Any, shape: Shape) -> str | None:
    return None if shape.metadata.get("sensitive") else f"'{value}'"


def _below(path: str, name: str) -> str:
    return f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
