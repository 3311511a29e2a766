"""Read iam/contract.yaml: the permissions of each role, with reason and evidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from iam.contract_text import PATH, ContractError, ContractText, Numbered, declared
from iam.policy import Grant, Trust, conditions, listed
from iam.resolve import readable, shown

__all__ = ["PATH", "Contract", "ContractError", "ContractRole", "Line", "declared", "read"]

EVIDENCE = ("trace:", "aws-doc:", "assumption:")
_LINE = {"action", "why", "evidence"}
_OF_TRUST = {True: {"resource", "effect"}, False: set[str]()}  # what a line of a resource's policy may have besides

Allowed = TypeVar("Allowed", Grant, Trust)


@dataclass(frozen=True)
class Line(Generic[Allowed]):
    """One line of the contract: a grant or a trust that a role needs, and why.

    Attributes:
        when: the variable without which the line does not hold; empty for a line that always does.
    """

    number: int
    allows: Allowed
    why: str
    evidence: str
    wildcard: str
    when: str

    @property
    def kind(self) -> str:
        return self.evidence.partition(":")[0]


AnyLine = Line[Grant] | Line[Trust]


@dataclass(frozen=True)
class ContractRole:
    """A role in the contract: its purpose, trust and grants. In `name`, REGION stands for the region.

    A resource with a policy is one too, without grants: `trust` has whom the policy lets in and keeps out.
    """

    number: int
    name: str
    purpose: str
    trust: tuple[Line[Trust], ...]
    may: tuple[Line[Grant], ...]

    @property
    def lines(self) -> list[AnyLine]:
        """Trust and grants, in their order."""
        return [*self.trust, *self.may]


Contract = dict[str, ContractRole]


def read(text: str, variables: Mapping[str, str], file: str = "iam/contract.yaml") -> Contract:
    """Roles of the contract by name, with its variables filled in.

    Raises:
        ContractError: with every problem.
    """
    return _ContractReader(ContractText(text, variables, file)).read()


class _ContractReader:
    def __init__(self, text: ContractText) -> None:
        self._text = text

    def read(self) -> Contract:
        roles: list[ContractRole] = []
        for section, make in (("roles", self._role), ("policies", self._policy)):
            for name, value in self._text.section(section):
                with self._text.reading(name, value):
                    roles += make(name, value)
        self._text.refuse_problems()
        return {role.name: role for role in roles}

    def _role(self, name: str, value: Any) -> Iterator[ContractRole]:
        if self._complete(name, value, "purpose", "trust", "may"):
            trust = [line for entry in value["trust"] or [] for line in self._lines(entry, "principal", Trust)]
            may = [line for entry in value["may"] or [] for line in self._lines(entry, "resource", Grant)]
            yield self._made(name, value, trust, may)

    def _policy(self, name: str, value: Any) -> Iterator[ContractRole]:
        if self._complete(name, value, "purpose", "lets"):
            lets = [line for entry in value["lets"] or [] for line in self._lines(entry, "principal", Trust)]
            yield self._made(name, value, lets, [])

    def _made(self, name: str, value: Numbered, trust: list[Line[Trust]], may: list[Line[Grant]]) -> ContractRole:
        called = readable(self._text.fill(name, value.line))
        return ContractRole(value.line, called, str(value["purpose"]), tuple(trust), tuple(may))

    def _complete(self, name: str, value: Any, *parts: str) -> bool:
        """True when the entry has these parts and holds."""
        if not isinstance(value, Numbered) or value.keys() - {"when"} != set(parts):
            wrong = sorted({*parts} ^ (value.keys() - {"when"})) if isinstance(value, Numbered) else [shown(value)]
            needed = f"{', '.join(parts[:-1])} and {parts[-1]}"
            line = getattr(value, "line", 1)
            self._text.problem(line, f"{name}: there must be {needed}; see {', '.join(wrong)}")
            return False
        return self._text.holds(value, value.line)

    def _lines(self, entry: Any, subject: str, made: type[Allowed]) -> list[Line[Allowed]]:
        if not isinstance(entry, Numbered):
            self._text.problem(1, f"{entry!r} is no line with action, {subject}, why and evidence")
            return []
        number, text = entry.line, self._text
        needed, known = _LINE | {subject}, _LINE | {subject, "if", "wildcard", "when"} | _OF_TRUST[made is Trust]
        if missing := needed - set(entry):
            text.problem(number, f"{', '.join(sorted(missing))} is missing")
        if unknown := set(entry) - known:
            text.problem(number, f"{', '.join(sorted(unknown))} is not known; there are {', '.join(sorted(known))}")
        evidence = str(entry.get("evidence", ""))
        if "evidence" in entry and not evidence.startswith(EVIDENCE):
            text.problem(number, f"evidence {evidence!r} must begin with {', '.join(EVIDENCE)}")
        elif evidence and not evidence.startswith("trace:") and not evidence.partition(":")[2].strip():
            text.problem(number, f"evidence {evidence!r} must say what it is")
        when = entry.get("when", "")
        if not text.holds(entry, number) or missing or unknown:
            return []
        block = {
            operator: {key: [text.fill(v, number) for v in listed(values)] for key, values in keys.items()}
            for operator, keys in entry.get("if", {}).items()
        }
        if not all(values for keys in block.values() for values in keys.values()):
            text.problem(number, "a condition has an empty list, which matches nothing")
        what, where = text.fill(entry[subject], number), f"{text.file}:{number}"
        of_trust = {key: text.fill(entry[key], number) for key in _OF_TRUST[made is Trust] & entry.keys()}
        why, wildcard = str(entry["why"]), text.fill(entry.get("wildcard", ""), number)
        return [
            Line(number, made(str(entry["action"]), what, condition, where, **of_trust), why, evidence, wildcard, when)
            for condition in conditions(block)
        ]
