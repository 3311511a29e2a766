"""Settings in words: what a field takes, and what is wrong with a value."""

import difflib
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from training.settings import Setting


def sentence(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], stage: str) -> str:
    """Word one of pydantic's findings: the setting's name, its value, what is allowed, and where to set it."""
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return misspelt(name, fields)
    takes = allowed(fields[name])
    if problem["type"] == "missing":
        return f"{name} is missing: add it to `settings` in cdk.json, {takes}"
    reason = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else f"must be {takes}"
    return f"{name} = {problem['input']!r}: {reason} (set it in stages/{stage}.json or with -c {name}=…)"


def misspelt(name: str, fields: Mapping[str, FieldInfo]) -> str:
    """The sentence about a name that no setting has."""
    close = difflib.get_close_matches(name, fields, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(fields)}"
    return f"{name} is not a setting: {hint}"


def may_be_empty(field: FieldInfo) -> bool:
    """True where empty text is a value of its own."""
    return allowed(field).endswith("or empty")


def allowed(field: FieldInfo) -> str:
    """The values a field takes, in words."""
    if declaration := _declaration(field):
        return declaration.expected
    if isinstance(field.json_schema_extra, dict) and "allowed" in field.json_schema_extra:
        return str(field.json_schema_extra["allowed"])
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(field.annotation)))}"
    if field.annotation is bool:
        return "true or false"
    if field.annotation is str:
        return "an ML instance type, such as ml.m5.xlarge"
    limits = {name: value for rule in field.metadata for name, value in _limits(rule).items()}
    kind = "a whole number" if field.annotation is int else "a number"
    low = f"from {limits['ge']}" if "ge" in limits else f"above {limits['gt']}"
    return f"{kind} {low} to {limits['le']}"


def described(field: FieldInfo) -> str:
    """A field's description."""
    declaration = _declaration(field)
    return declaration.help if declaration else str(field.description)


def _declaration(field: FieldInfo) -> Setting | None:
    """Training's declaration of a hyper-parameter; None for any other setting."""
    return next((rule for rule in field.metadata if isinstance(rule, Setting)), None)


def _limits(rule: object) -> dict[str, Any]:
    """Limits that one annotated-types rule (Ge, Gt, Le) holds, by name."""
    return {name: getattr(rule, name) for name in ("ge", "gt", "le") if hasattr(rule, name)}
