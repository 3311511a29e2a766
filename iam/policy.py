"""What a role may do and who may become it, in the smallest pieces: the common terms of templates and contract."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from iam import globs

_PATTERN_OPERATORS = {"StringLike", "ArnLike", "ArnEquals"}  # ArnEquals takes patterns too, says the IAM user guide


@dataclass(frozen=True, order=True)
class Condition:
    """`operator` over `key`: holds when one of the `values` fits."""

    operator: str
    key: str
    values: frozenset[str] = field(compare=True)

    def implies(self, other: "Condition") -> bool:
        """Whether every request for which this holds is one for which `other` holds."""
        if (self.operator, self.key.lower()) != (other.operator, other.key.lower()):
            return False
        if self.operator in _PATTERN_OPERATORS:
            return all(globs.witness(value, other.values) is None for value in self.values)
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
    """Who may take on a role; `principal` is as in the policy: `Service sagemaker.amazonaws.com`."""

    principal: str
    action: str
    conditions: Conditions
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.action} by {self.principal}{in_words(self.conditions)}"


@dataclass(frozen=True)
class Role:
    """A role as its template makes it."""

    name: str
    stack: str
    logical_id: str
    trusts: tuple[Trust, ...]
    grants: tuple[Grant, ...]

    def renamed(self, rename: Callable[[str], str]) -> "Role":
        """The same role with `rename` applied to what its statements name."""

        def rewritten(block: Conditions) -> Conditions:
            return frozenset(Condition(c.operator, c.key, frozenset(map(rename, c.values))) for c in block)

        trusts = [replace(t, principal=rename(t.principal), conditions=rewritten(t.conditions)) for t in self.trusts]
        grants = [replace(g, resource=rename(g.resource), conditions=rewritten(g.conditions)) for g in self.grants]
        return replace(self, trusts=tuple(trusts), grants=tuple(grants))


def in_words(conditions: Conditions) -> str:
    return f" if {' and '.join(str(condition) for condition in sorted(conditions, key=str))}" if conditions else ""


def conditions(block: Mapping[str, Mapping[str, Iterable[str]]]) -> list[Conditions]:
    """The condition blocks that together allow what `block` does.

    A key with several values holds when one fits, and so is as many statements with one value each; values of
    `ForAllValues` and of negated operators belong together.
    """
    choices: list[list[Condition]] = []
    for operator, keys in block.items():
        for key, values in keys.items():
            together = ":" in operator or "Not" in operator
            wanted = [frozenset(values)] if together else [frozenset([value]) for value in values]
            choices.append([Condition(operator, key, value) for value in wanted])
    return [frozenset(choice) for choice in itertools.product(*choices)]


def stricter(one: Conditions, other: Conditions) -> bool:
    """Whether `one` allows nothing that `other` forbids."""
    return all(any(mine.implies(theirs) for mine in one) for theirs in other)


def excess(grant: Grant, allowed: Iterable[Grant]) -> str | None:
    """A resource that `grant` reaches and none of `allowed` does under conditions as wide; None when there is none."""
    reach = frozenset(
        other.resource
        for other in allowed
        if other.action.lower() == grant.action.lower() and stricter(grant.conditions, other.conditions)
    )
    return globs.witness(grant.resource, reach)


def listed(value: Any) -> list[Any]:
    """What a policy has as one value or as a list of them, as a list."""
    return value if isinstance(value, list) else [value]
