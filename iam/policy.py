"""Grants and trust of a role in their smallest pieces: the common terms of templates and contract."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from iam import globs

_PATTERN_OPERATORS = {"StringLike", "ArnLike", "ArnEquals"}  # ArnEquals takes patterns too, says the IAM user guide


@dataclass(frozen=True, order=True)
class Condition:
    """A condition of a statement: `operator` on `key` holds if one of the `values` matches; with Not, if none does."""

    operator: str
    key: str
    values: frozenset[str] = field(compare=True)

    def implies(self, other: "Condition") -> bool:
        """True when `other` holds for every request for which this one holds."""
        if (self.operator, self.key.lower()) != (other.operator, other.key.lower()):
            return False
        if self.operator in _PATTERN_OPERATORS:
            return all(globs.witness(value, other.values) is None for value in self.values)
        if "Not" in self.operator:  # holds when none of the values matches: the more there are, the stricter it is
            return self.values >= other.values
        return self.values <= other.values

    def __str__(self) -> str:
        return f"{self.key} {self.operator} {' or '.join(sorted(self.values))}"


Conditions = frozenset[Condition]


@dataclass(frozen=True)
class Grant:
    """One action on one resource pattern; `where` says where it is written."""

    action: str
    resource: str
    conditions: Conditions
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}{in_words(self.conditions)}"


@dataclass(frozen=True)
class Trust:
    """A principal that a policy lets in, or keeps out: `Service sagemaker.amazonaws.com` assumes a role, for example.

    Attributes:
        resource: part of what the policy is of; empty for roles and functions.
        effect: `Allow`, or `Deny` where the policy of a resource keeps the principal out.
    """

    action: str
    principal: str
    conditions: Conditions
    where: str = field(default="", compare=False)
    resource: str = ""
    effect: str = "Allow"

    def __str__(self) -> str:
        denied = "" if self.effect == "Allow" else "no "
        on = f" on {self.resource}" if self.resource else ""
        return f"{denied}{self.action} by {self.principal}{on}{in_words(self.conditions)}"

    @property
    def calls(self) -> bool:
        """True if the principal calls a function, false if it assumes a role."""
        return self.action == "lambda:InvokeFunction"


@dataclass(frozen=True)
class Role:
    """A role of a template; or a resource with a policy of its own, whose `trusts` it lets in or keeps out."""

    name: str
    stack: str
    logical_id: str
    trusts: tuple[Trust, ...]
    grants: tuple[Grant, ...]

    def renamed(self, rename: Callable[[str], str]) -> "Role":
        """The same role with `rename` applied to what its statements name."""

        def rewritten(block: Conditions) -> Conditions:
            return frozenset(Condition(c.operator, c.key, frozenset(map(rename, c.values))) for c in block)

        trusts = [
            replace(t, principal=rename(t.principal), resource=rename(t.resource), conditions=rewritten(t.conditions))
            for t in self.trusts
        ]
        grants = [replace(g, resource=rename(g.resource), conditions=rewritten(g.conditions)) for g in self.grants]
        return replace(self, trusts=tuple(trusts), grants=tuple(grants))


def in_words(conditions: Conditions) -> str:
    """` if a and b`, or nothing without conditions."""
    return f" if {' and '.join(str(condition) for condition in sorted(conditions, key=str))}" if conditions else ""


def conditions(block: Mapping[str, Mapping[str, Iterable[str]]]) -> list[Conditions]:
    """Condition blocks with single values that together are equal to `block`.

    A key with several values holds when one matches, so it is equal to as many statements with one value each. Values
    of `ForAllValues` and of negated operators belong together.
    """
    choices: list[list[Condition]] = []
    for operator, keys in block.items():
        for key, values in keys.items():
            together = ":" in operator or "Not" in operator
            wanted = [frozenset(values)] if together else [frozenset([value]) for value in values]
            choices.append([Condition(operator, key, value) for value in wanted])
    return [frozenset(choice) for choice in itertools.product(*choices)]


def stricter(one: Conditions, other: Conditions) -> bool:
    """True when `one` holds only where `other` holds too."""
    return all(any(mine.implies(theirs) for mine in one) for theirs in other)


def excess(grant: Grant, allowed: Iterable[Grant]) -> str | None:
    """A resource that `grant` reaches and none of `allowed` does under equal or wider conditions, or None."""
    reach = frozenset(
        other.resource
        for other in allowed
        if other.action.lower() == grant.action.lower() and stricter(grant.conditions, other.conditions)
    )
    return globs.witness(grant.resource, reach)


def listed(value: Any) -> list[Any]:
    """`value` as a list, where a policy may have one value or a list of them."""
    return value if isinstance(value, list) else [value]
