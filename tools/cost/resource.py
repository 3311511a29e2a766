"""A resource of a synthesized template, with what it refers to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.cost.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Resource:
    """`stack` is the last part of the stack's name; `usage` is what the estimate assumes."""

    stack: str
    id: str
    type: str
    properties: Mapping[str, Any]
    template: Mapping[str, Any]
    usage: Usage

    def beside(self, type_: str) -> list[Mapping[str, Any]]:
        """Properties of the same stack's resources of a type."""
        return [r.get("Properties", {}) for r in self.template["Resources"].values() if r["Type"] == type_]

    def referred(self, value: Any) -> Mapping[str, Any] | None:
        """Properties of the resource that a Ref or Fn::GetAtt in the same stack means."""
        match value:
            case {"Ref": str(id)} | {"Fn::GetAtt": [str(id), *_]} if id in self.template["Resources"]:
                return dict(self.template["Resources"][id].get("Properties", {}))
        return None


def resources(templates: Mapping[str, Mapping[str, Any]], usage: Usage) -> Iterator[Resource]:
    """Every resource of the templates, which are given by the stack's name."""
    for name, template in templates.items():
        for id, found in template.get("Resources", {}).items():
            yield Resource(
                stack=name.split("-", 2)[-1], id=id, type=found["Type"], properties=found.get("Properties", {}),
                template=template, usage=usage,
            )  # fmt: skip


def json_in(value: Any) -> dict[str, Any]:
    """The JSON text that a template holds, perhaps in pieces; what CloudFormation would fill in is left empty."""
    pieces = value["Fn::Join"][1] if isinstance(value, Mapping) else [value]
    return dict(json.loads("".join(piece if isinstance(piece, str) else "" for piece in pieces)))
