"""Resolves Fn::Join and the region in template conditions; MiniStack leaves them as they are.

The CDK bootstrap stack decides by a joined list whether the execution role gets AdministratorAccess, and our budget
exists by region.
"""

from typing import Any

from ministack.core.responses import get_region
from ministack.services.cloudformation import changesets, engine, handlers, stacks

Parameters = dict[str, dict[str, Any]]


def install() -> None:
    """Resolve Fn::Join and the region before MiniStack evaluates a template's conditions."""
    original = engine._evaluate_conditions

    def evaluate(template: dict[str, Any], params: Parameters) -> dict[str, bool]:
        conditions: dict[str, bool] = original(
            {**template, "Conditions": _resolved(template.get("Conditions", {}), params)}, params
        )
        return conditions

    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = evaluate


def _resolved(value: Any, params: Parameters) -> Any:
    """Copy of `value` with the text of each Fn::Join, and of the region."""
    if isinstance(value, list):
        return [_resolved(item, params) for item in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::Region"}:
        return get_region()
    if "Fn::Join" in value:
        separator, items = value["Fn::Join"]
        return str(separator).join(str(_text(item, params)) for item in _items(items, params))
    return {name: _resolved(item, params) for name, item in value.items()}


def _items(items: Any, params: Parameters) -> list[Any]:
    """Items of a literal list, or of a parameter of type CommaDelimitedList."""
    return items if isinstance(items, list) else str(_text(items, params)).split(",")


def _text(item: Any, params: Parameters) -> Any:
    resolved = _resolved(item, params)
    return params[resolved["Ref"]]["Value"] if isinstance(resolved, dict) and "Ref" in resolved else resolved
