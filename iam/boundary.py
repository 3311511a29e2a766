"""Find what a permissions boundary certainly denies of a role's grants.

Source: "Permissions boundaries for IAM entities", IAM user guide: an action is possible only where the boundary allows
it too, and denies it nowhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from iam import globs
from iam.policy import Grant, listed


def denied(grants: Iterable[Grant], document: Mapping[str, Any]) -> Iterator[Grant]:
    """Grants of which the boundary's policy `document` allows nothing, or all of which it denies in any case.

    Conditions of its Allow statements count as met, and those of its Deny statements as not met.
    """
    statements = [statement for statement in listed(document["Statement"]) if isinstance(statement, Mapping)]
    for grant in grants:
        named = [statement for statement in statements if _names(statement, grant.action)]
        allows = [s for s in named if s["Effect"] == "Allow"]
        denies = [s for s in named if s["Effect"] == "Deny" and not s.get("Condition")]
        if not any(_touches(s, grant.resource) for s in allows) or any(_covers(s, grant.resource) for s in denies):
            yield grant


def _names(statement: Mapping[str, Any], action: str) -> bool:
    patterns = listed(statement.get("Action", statement.get("NotAction", [])))
    named = any(globs.matches(str(pattern).lower(), action.lower()) for pattern in patterns)
    return named == ("Action" in statement)


def _touches(statement: Mapping[str, Any], resource: str) -> bool:
    """True when the statement is about a part of `resource`, or about all of it."""
    if "NotResource" in statement:
        return globs.witness(resource, _patterns(statement["NotResource"])) is not None
    return any(globs.overlap(pattern, resource) for pattern in _patterns(statement.get("Resource", [])))


def _covers(statement: Mapping[str, Any], resource: str) -> bool:
    """True when the statement is about all of `resource`."""
    if "NotResource" in statement:
        return not any(globs.overlap(pattern, resource) for pattern in _patterns(statement["NotResource"]))
    return globs.witness(resource, _patterns(statement.get("Resource", []))) is None


def _patterns(value: Any) -> frozenset[str]:
    return frozenset(str(pattern) for pattern in listed(value))
