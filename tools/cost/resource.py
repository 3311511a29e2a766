"""Resources of the synthesized templates, with access to the resources that they refer to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws import prices
from tools import stack
from tools.cost.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a template in a region.

    `stack` is the last part of the stack's name, `usage` the assumed usage.
    """

    stack: str
    id: str
    type: str
    properties: Mapping[str, Any]
    template: Mapping[str, Any]
    usage: Usage
    region: str = prices.DEFAULT_REGION

    def price(self, service: str, name: str) -> float:
        """Price in dollars of one unit in the region. Raises UnknownPrice."""
        return prices.price(service, name, self.region)

    def instance_hour(self, instance_type: str) -> float:
        """Price in dollars of one hour of an instance type in the region. Raises UnknownPrice."""
        return prices.instance_hour(instance_type, self.region)

    def beside(self, type_: str) -> list[Mapping[str, Any]]:
        """Properties of all resources of a type in the same stack."""
        return list(stack.resources(self.template, type_).values())

    def referred(self, value: Any) -> Mapping[str, Any] | None:
        """Properties of the resource that a Ref or Fn::GetAtt refers to; None if it is not in the same stack."""
        match value:
            case {"Ref": str(id)} | {"Fn::GetAtt": [str(id), *_]} if id in self.template["Resources"]:
                return dict(self.template["Resources"][id].get("Properties", {}))
        return None


def resources(templates: Mapping[str, Mapping[str, Any]], usage: Usage, region: str) -> Iterator[Resource]:
    """Yield every resource of the templates, which are keyed by stack name."""
    for name, template in templates.items():
        for id, found in template.get("Resources", {}).items():
            yield Resource(
                stack=name.split("-", 2)[-1], id=id, type=found["Type"], properties=found.get("Properties", {}),
                template=template, usage=usage, region=region,
            )  # fmt: skip


def json_in(value: Any) -> dict[str, Any]:
    """Parse JSON text in a template, also inside an Fn::Join; values that CloudFormation fills in are left empty."""
    pieces = value["Fn::Join"][1] if isinstance(value, Mapping) else [value]
    return dict(json.loads("".join(piece if isinstance(piece, str) else "" for piece in pieces)))
