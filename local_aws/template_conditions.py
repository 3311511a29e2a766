"""Resolves Fn::Join in template conditions; MiniStack leaves it unresolved, so such a condition counts as true.

The CDK bootstrap stack uses it to decide whether the execution role gets AdministratorAccess.
"""

from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks

Parameters = dict[str, dict[str, Any]]


def install() -> None:
    """Resolve Fn::Join before MiniStack evaluates a template's conditions."""
    original = engine._evaluate_conditions

    def evaluate(template: dict[str, Any], params: Parameters) -> dict[str, bool]:
        conditions: dict[str, bool] = original(
            {**template, "Conditions": _joined(template.get("Conditions", {}), params)}, params
        )
        return conditions

    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = evaluate


def _joined(value: Any, params: Parameters) -> Any:
    """Copy of `value` with each Fn::Join replaced by its text."""
    if isinstance(value, list):
        return [_joined(item, params) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, items = value["Fn::Join"]
        return str(separator).join(str(_text(item, params)) for item in _items(items, params))
    return {name: _joined(item, params) for name, item in value.items()}


def _items(items: Any, params: Parameters) -> list[Any]:
    """Items of a literal list, or of a parameter of type CommaDelimitedList."""
    return items if isinstance(items, list) else str(_text(items, params)).split(",")


def _text(item: Any, params: Parameters) -> Any:
    return params[item["Ref"]]["Value"] if isinstance(item, dict) and "Ref" in item else _joined(item, params)
