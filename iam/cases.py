"""Templates in each case of their conditions: what `Fn::If` and `Condition` make of them, written out."""

import itertools
from collections.abc import Collection, Iterator
from typing import Any

from iam.findings import GateFinding
from iam.resolve import Template
from iam.source import source_of

MAX_CONDITIONS = 4  # each doubles the cases
_NOTHING = {"Ref": "AWS::NoValue"}
_Case = dict[tuple[str, str], bool]  # by stack and name of the condition


def cases(
    templates: dict[str, Template], optional: Collection[str], findings: list[GateFinding]
) -> Iterator[tuple[str, dict[str, Template]]]:
    """Each case in words, and the templates in it. More conditions than the gate can go through become a finding.

    A condition of resources that may be absent anyway, of the types `optional`, makes no case.
    """
    names = sorted(
        {
            (stack, name)
            for stack, template in templates.items()
            if "Conditions" in template
            for name in _used(template, optional)
        }
    )
    if not names:
        yield "", templates
        return
    for stack, name in names[MAX_CONDITIONS:]:
        message = f"the condition {name} is one more than the {MAX_CONDITIONS} that the gate goes through"
        findings.append(GateFinding("template", stack, "", source_of(stack), message, "decide it by a setting"))
    for values in itertools.product([True, False], repeat=len(names[:MAX_CONDITIONS])):
        case = dict(zip(names, values, strict=False))
        words = " and ".join(f"{name} is {str(value).lower()}" for (_, name), value in case.items())
        yield words, {stack: _written_out(stack, template, case) for stack, template in templates.items()}


def _used(value: Any, optional: Collection[str]) -> Iterator[str]:
    """Names of the conditions that decide about something in a template's resources and outputs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            match key, inner:
                case "Condition", str() if str(value.get("Type")) not in optional:
                    yield inner
                case "Fn::If", [str(name), _, _]:
                    yield name
            if key not in ("Conditions", "Rules"):
                yield from _used(inner, optional)
    elif isinstance(value, list):
        for inner in value:
            yield from _used(inner, optional)


def _written_out(stack: str, value: Any, case: _Case) -> Any:
    """`value` with one branch of each `Fn::If`, and without what a condition or AWS::NoValue leaves out."""
    match value:
        case {"Fn::If": [str(name), met, otherwise]} if (stack, name) in case and len(value) == 1:
            return _written_out(stack, met if case[stack, name] else otherwise, case)
        case dict():
            written = {key: _written_out(stack, inner, case) for key, inner in value.items()}
            return {
                key: inner for key, inner in written.items() if inner != _NOTHING and not _left_out(stack, inner, case)
            }
        case list():
            return [inner for one in value if (inner := _written_out(stack, one, case)) != _NOTHING]
    return value


def _left_out(stack: str, value: Any, case: _Case) -> bool:
    """True for a resource or output whose condition is not met."""
    if not isinstance(value, dict) or not isinstance(name := value.get("Condition"), str):
        return False
    return not case.get((stack, name), True)
