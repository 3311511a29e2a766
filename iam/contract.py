"""Read iam/contract.yaml: the permissions of each role, with reason and evidence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from iam.errors import GateError
from iam.policy import Grant, Trust, conditions, listed
from iam.resolve import readable
from iam.source import FUNCTION

PATH = Path(__file__).with_name("contract.yaml")
EVIDENCE = ("trace:", "aws-doc:", "assumption:")
_LINE = {"action", "why", "evidence"}
_REFERENCE = re.compile(r"\$\{(\w+)\}")


class ContractError(GateError):
    """The contract cannot be used; the message has a line for each reason, with file and line number."""


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

    A function that others may call by its policy is one too, without grants: `trust` has its callers.
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


def declared() -> dict[str, str]:
    """Variables of iam/contract.yaml by name, each with its meaning."""
    return dict(_document(PATH.read_text())["variables"])


def read(text: str, variables: Mapping[str, str], file: str = "iam/contract.yaml") -> Contract:
    """Roles of the contract by name, with its variables filled in.

    Raises:
        ContractError: with every problem.
    """
    return _ContractReader(file, variables).read(text)


class _Mapping(dict[str, Any]):
    """A YAML mapping with its line number."""

    line = 0


class _Loader(yaml.CSafeLoader):  # the C one: a tenth of the time
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        mapping = _Mapping({str(key): value for key, value in super().construct_mapping(node, deep=True).items()})
        mapping.line = node.start_mark.line + 1
        names = [key.value for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.MarkedYAMLError(problem=f"{', '.join(sorted(twice))} twice", problem_mark=node.start_mark)
        return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)


@lru_cache(maxsize=1)
def _document(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 (a safe loader)


class _ContractReader:
    def __init__(self, file: str, variables: Mapping[str, str]) -> None:
        self._file = file
        self._values = dict(variables)
        self._problems: list[str] = []

    def read(self, text: str) -> Contract:
        try:
            document = _document(text)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ContractError(f"{self._file}:{line}: this is not YAML: {error.problem}") from error
        if not isinstance(document, dict) or not isinstance(document.get("roles"), dict):
            raise ContractError(f"{self._file}:1: there must be `roles`, by name")
        for name, value in document.get("names", {}).items():
            self._values[name] = self._text(value, 1)
        roles = [self._role(name, value) for name, value in document["roles"].items()]
        roles += [self._function(name, value) for name, value in document.get("functions", {}).items()]
        if self._problems:
            raise ContractError("\n".join(self._problems))
        return {role.name: role for role in roles if role}

    def _role(self, name: str, value: Any) -> ContractRole | None:
        if not isinstance(value, _Mapping):
            self._problem(1, f"{name} must have purpose, trust and may")
            return None
        if wrong := {"purpose", "trust", "may"} ^ (set(value) - {"when"}):
            self._problem(value.line, f"{name}: there must be purpose, trust and may; see {', '.join(sorted(wrong))}")
            return None
        if not self._holds(value.get("when", ""), value.line):
            return None
        trust = [line for entry in value["trust"] or [] for line in self._lines(entry, "principal", Trust)]
        may = [line for entry in value["may"] or [] for line in self._lines(entry, "resource", Grant)]
        shown = readable(self._text(name, value.line))
        return ContractRole(value.line, shown, value["purpose"], tuple(trust), tuple(may))

    def _function(self, name: str, value: Any) -> ContractRole | None:
        if not isinstance(value, _Mapping) or set(value) - {"when"} != {"purpose", "callers"}:
            self._problem(getattr(value, "line", 1), f"{name} must have purpose and callers")
            return None
        if not self._holds(value.get("when", ""), value.line):
            return None
        callers = [line for entry in value["callers"] or [] for line in self._lines(entry, "principal", Trust)]
        shown = FUNCTION + readable(self._text(name, value.line))
        return ContractRole(value.line, shown, value["purpose"], tuple(callers), ())

    def _lines(self, entry: Any, subject: str, made: type[Allowed]) -> list[Line[Allowed]]:
        if not isinstance(entry, _Mapping):
            self._problem(1, f"{entry!r} is no line with action, {subject}, why and evidence")
            return []
        number = entry.line
        needed, known = _LINE | {subject}, _LINE | {subject, "if", "wildcard", "when"}
        if missing := needed - set(entry):
            self._problem(number, f"{', '.join(sorted(missing))} is missing")
        if unknown := set(entry) - known:
            self._problem(number, f"{', '.join(sorted(unknown))} is not known; there are {', '.join(sorted(known))}")
        evidence = str(entry.get("evidence", ""))
        if "evidence" in entry and not evidence.startswith(EVIDENCE):
            self._problem(number, f"evidence {evidence!r} must begin with {', '.join(EVIDENCE)}")
        elif evidence and not evidence.startswith("trace:") and not evidence.partition(":")[2].strip():
            self._problem(number, f"evidence {evidence!r} must say what it is")
        when = entry.get("when", "")
        if not self._holds(when, number) or missing or unknown:
            return []
        block = {
            operator: {key: [self._text(v, number) for v in listed(values)] for key, values in keys.items()}
            for operator, keys in entry.get("if", {}).items()
        }
        what, where = self._text(entry[subject], number), f"{self._file}:{number}"
        why, wildcard = entry["why"], self._text(entry.get("wildcard", ""), number)
        return [
            Line(number, made(entry["action"], what, condition, where), why, evidence, wildcard, when)
            for condition in conditions(block)
        ]

    def _holds(self, when: str, line: int) -> bool:
        """True when the variable that a role or a line depends on is filled."""
        if when and when not in self._values:
            self._problem(line, f"when: {when} is not known; there are {', '.join(sorted(self._values))}")
        return not when or bool(self._values.get(when))

    def _text(self, value: Any, line: int) -> str:
        """`value` with its `${names}` filled in; pseudo parameters stay."""

        def fill(match: re.Match[str]) -> str:
            if match[1] not in self._values:
                self._problem(line, f"${{{match[1]}}} is not known; there are {', '.join(sorted(self._values))}")
                return match[0]
            return self._values[match[1]]

        return _REFERENCE.sub(fill, str(value))

    def _problem(self, line: int, text: str) -> None:
        self._problems.append(f"{self._file}:{line}: {text}")
