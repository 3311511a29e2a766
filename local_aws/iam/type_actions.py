"""What CloudFormation may have to ask of IAM for one resource type, worked out for a resource's properties."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class TypeActions:
    """`arn` is a pattern with {region}, {account} and {name}; `named_by` is the property that is the name."""

    arn: str
    named_by: str
    create: tuple[str, ...]
    update: tuple[str, ...]
    delete: tuple[str, ...]
    with_property: Mapping[str, str] = field(default_factory=dict)
    """What creating or updating takes besides, when the property is there."""
    passes: Mapping[str, str] = field(default_factory=dict)
    """Properties (`Targets.RoleArn`: of each target) with a role, and the service that it is passed to."""
    uses: Mapping[str, str] = field(default_factory=dict)
    """Actions that creating and updating take on another resource, and its ARN over the properties."""

    def actions(self, operation: str, properties: Properties) -> list[str]:
        """The actions that `operation` (create, update or delete) takes on the resource itself."""
        besides = self.with_property if operation != "delete" else {}
        return [*getattr(self, operation), *(action for name, action in besides.items() if _given(name, properties))]

    def roles(self, properties: Properties) -> Iterator[tuple[str, str]]:
        """(role ARN, service) for each role that the resource is given."""
        for path, service in self.passes.items():
            for role in _values(properties, path.split(".")):
                yield role, service

    def used(self, properties: Properties) -> Iterator[tuple[str, str]]:
        """(action, resource) on each other resource that the properties name."""
        for action, pattern in self.uses.items():
            try:
                yield action, pattern.format(**properties)
            except KeyError:  # the property is not there: a function's code may be in the template itself
                continue

    def resources(self, physical_id: str | None, properties: Properties, place: Mapping[str, str]) -> list[str]:
        """The ARNs; a name that CloudFormation has yet to make up is `*`. `place` has region and account."""
        named = properties.get(self.named_by) or physical_id or "*"
        return [self._arn(str(name), place) for name in (named if isinstance(named, list) else [named])]

    def _arn(self, name: str, place: Mapping[str, str]) -> str:
        if name.startswith("arn:") and "{name}" in self.arn:
            return name
        return self.arn.format(name=name, **place).replace("parameter//", "parameter/")


def _given(name: str, properties: Properties) -> bool:
    """Whether the template gives the property: tags like aws:cloudformation:stack-name are CloudFormation's own."""
    if name != "Tags":
        return name in properties
    return any(not tag["Key"].startswith("aws:") for tag in properties.get("Tags", []))


def _values(value: Any, path: list[str]) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if not path:
            yield item
        elif isinstance(item, Mapping) and path[0] in item:
            yield from _values(item[path[0]], path[1:])
