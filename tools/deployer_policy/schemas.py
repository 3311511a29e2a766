"""Permissions of the handlers of resource types, from the schemas of CloudFormation's registry that cfn-lint ships.

Source: "handlers", "Resource type schema", CloudFormation CLI user guide: `permissions` are those that a handler calls
with, and a service role of CloudFormation needs them.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_SCHEMAS = files("cfnlint.data.schemas")
_OPERATIONS = ("create", "read", "update", "delete")  # nothing in a deploy lists all resources of a type
_COMMON = "us-east-1"  # for a region that cfn-lint does not know yet


def permissions(type_: str, region: str) -> frozenset[str]:
    """Actions of the handlers of a type; none for a type without handlers, such as a custom resource."""
    handlers = _schema(type_, region).get("handlers", {})
    return frozenset(
        action
        for operation in _OPERATIONS
        for action in handlers.get(operation, {}).get("permissions", [])
        if ":" in action
    )


def _schema(type_: str, region: str) -> dict[str, Any]:
    types = _types(region)
    if type_ not in types:
        return {}
    found: dict[str, Any] = json.loads((_SCHEMAS / "resources" / f"{types[type_]}.json").read_text())
    return found


@cache
def _types(region: str) -> dict[str, str]:
    """File of each type's schema in the region."""
    file = _SCHEMAS / "providers" / f"{region}.json"
    file = file if file.is_file() else _SCHEMAS / "providers" / f"{_COMMON}.json"
    found: dict[str, str] = json.loads(file.read_text())
    return found
