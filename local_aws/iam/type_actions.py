"""IAM actions, roles and resources that CloudFormation needs for one resource, by its type and properties."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = Mapping[str, Any]
OPERATIONS = ("create", "update", "delete")


@dataclass(frozen=True)
class TypeActions:
    """IAM actions of one resource type.

    `arn` is a pattern with {region}, {account}, {name} and {path}, the property `Path` or `/`; `named_by` is the
    property that holds the name.
    """

    arn: str
    named_by: str
    create: tuple[str, ...]
    update: tuple[str, ...]
    delete: tuple[str, ...]
    with_property: Mapping[str, str] = field(default_factory=dict)
    """Additional action of creating or updating, by the property that requires it."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Suffix, over the properties, of the ARN, by the action that is on a part (`:{Name}` of an alias)."""
    passes: Mapping[str, str] = field(default_factory=dict)
    """Service to which a role is passed, by the property that holds the role (`Targets.RoleArn`: of each target)."""
    uses: Mapping[str, str] = field(default_factory=dict)
    """ARN pattern, over the properties, of another resource, by the action needed on it: to create and update, or for
    the one operation with which its name begins (kms:DeleteAlias)."""

    def needed(
        self, operation: str, physical_id: str | None, properties: Properties, place: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Permissions that `operation` (create, update or delete) needs on the resource itself, as (action, ARN)."""
        actions = list(getattr(self, operation))
        if operation != "delete":
            actions += [action for name, action in self.with_property.items() if _given(name, properties)]
        for arn in self.resources(physical_id, properties, place):
            for action in actions:
                yield action, arn + self.parts.get(action, "").format(**properties)

    def roles(self, properties: Properties) -> Iterator[tuple[str, str]]:
        """Roles passed to the resource, as (role ARN, service)."""
        for path, service in self.passes.items():
            for role in _values(properties, path.split(".")):
                yield role, service

    def used(self, operation: str, properties: Properties) -> Iterator[tuple[str, str]]:
        """Permissions that `operation` needs on other resources that the properties name, as (action, ARN)."""
        for action, pattern in self.uses.items():
            verb = action.partition(":")[2].lower()
            if operation not in ([name for name in OPERATIONS if verb.startswith(name)] or ("create", "update")):
                continue
            try:
                yield action, pattern.format(**properties)
            except KeyError:  # the property is absent, such as for a function with inline code
                continue

    def resources(self, physical_id: str | None, properties: Properties, place: Mapping[str, str]) -> list[str]:
        """ARNs of the resource; `*` stands for a name that CloudFormation generates. `place` has region and account."""
        named = properties.get(self.named_by) or physical_id or "*"
        place = {**place, "path": properties.get("Path", "/")}
        return [self._arn(str(name), place) for name in (named if isinstance(named, list) else [named])]

    def _arn(self, name: str, place: Mapping[str, str]) -> str:
        if name.startswith("arn:") and "{name}" in self.arn:
            return name
        return self.arn.format(name=name, **place).replace("parameter//", "parameter/")


def _given(name: str, properties: Properties) -> bool:
    """True if the template sets the property; tags with the prefix aws: are CloudFormation's own."""
    if name != "Tags":
        return name in properties
    return any(not tag["Key"].startswith("aws:") for tag in properties.get("Tags", []))


def _values(value: Any, path: list[str]) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if not path:
            yield item
        elif isinstance(item, Mapping) and path[0] in item:
            yield from _values(item[path[0]], path[1:])
