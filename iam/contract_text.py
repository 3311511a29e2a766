"""Read iam/contract.yaml as text: YAML with line numbers, `${variables}`, and lines that hold `when` one is filled."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from iam.errors import GateError
from iam.resolve import UNREADABLE

PATH = Path(__file__).with_name("contract.yaml")
_REFERENCE = re.compile(r"\$\{(\w+)\}")


class ContractError(GateError):
    """The contract cannot be used; the message has a line for each reason, with file and line number."""


class Numbered(dict[str, Any]):
    """A YAML mapping with its line number."""

    line = 1


class _Loader(yaml.CSafeLoader):  # the C one: a tenth of the time
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        mapping = Numbered({str(key): value for key, value in super().construct_mapping(node, deep=True).items()})
        mapping.line = node.start_mark.line + 1
        names = [key.value for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.MarkedYAMLError(problem=f"{', '.join(sorted(twice))} twice", problem_mark=node.start_mark)
        return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)


@lru_cache(maxsize=4)  # the contract, and another one that is compared with it
def _document(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 (a safe loader)


def declared() -> dict[str, str]:
    """Variables of iam/contract.yaml by name, each with its meaning."""
    return {name: variable["means"] for name, variable in _document(PATH.read_text())["variables"].items()}


def misfits(values: Mapping[str, str]) -> Iterator[str]:
    """Problems of values that were read from templates: one with a wildcard would widen every line that names it."""
    for name, variable in _document(PATH.read_text())["variables"].items():
        form, value = variable.get("form", r"[^*?]*"), values.get(name, "")
        if value and not re.fullmatch(form, value):
            yield f"{name} ({variable['means']}) is {value!r} there, which does not fit {form}"


class ContractText:
    """The sections of a contract, and the problems found in them.

    Raises:
        ContractError: the text is no YAML, or has no roles.
    """

    def __init__(self, text: str, variables: Mapping[str, str], file: str = "iam/contract.yaml") -> None:
        self.file = file
        self._values = dict(variables)
        self._problems: list[str] = []
        try:
            document = _document(text)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ContractError(f"{file}:{line}: this is not YAML: {error.problem}") from error
        except (yaml.YAMLError, *UNREADABLE) as error:
            raise ContractError(f"{file}:1: this is not YAML: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("roles"), dict):
            raise ContractError(f"{file}:1: there must be `roles`, by name")
        self._document = document
        for name, value in self.section("names"):
            self._values[name] = self.fill(value, 1)

    def section(self, name: str) -> Iterator[tuple[str, Any]]:
        """Names and values of a section, which may be absent."""
        content = self._document.get(name)
        if isinstance(content, dict):
            yield from content.items()
        elif content is not None:
            self.problem(1, f"`{name}` must have names")

    def holds(self, entry: Mapping[str, Any], line: int) -> bool:
        """True when the variable that an entry depends on, its `when`, is filled."""
        when = entry.get("when", "")
        if when and when not in self._values:
            self.problem(line, f"when: {when} is not known; there are {', '.join(sorted(self._values))}")
        return not when or bool(self._values.get(when))

    def fill(self, value: Any, line: int) -> str:
        """`value` with its `${names}` filled in; pseudo parameters stay."""

        def known(match: re.Match[str]) -> str:
            if match[1] not in self._values:
                self.problem(line, f"${{{match[1]}}} is not known; there are {', '.join(sorted(self._values))}")
                return match[0]
            return self._values[match[1]]

        return _REFERENCE.sub(known, str(value))

    def problem(self, line: int, text: str) -> None:
        self._problems.append(f"{self.file}:{line}: {text}")

    @contextmanager
    def reading(self, name: str, value: Any) -> Iterator[None]:
        """Make a problem of an entry of an unexpected form."""
        try:
            yield
        except UNREADABLE as error:
            self.problem(getattr(value, "line", 1), f"{name} cannot be read: {error!r}")

    def refuse_problems(self) -> None:
        """Raise what was found.

        Raises:
            ContractError: with every problem.
        """
        if self._problems:
            raise ContractError("\n".join(self._problems))
