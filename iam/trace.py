"""Recorded calls, as evidence: every call is in the contract, and every `trace:` line was needed.

A trace is what one deployment's roles did on local AWS, with that deployment's variables: JSON of
`{"run", "account", "region", "variables", "calls": [{"role", "action", "resource", "allowed", "conditions"}]}`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iam import globs
from iam.contract import PATH, Contract, Line, declared
from iam.contract import read as read_contract
from iam.errors import GateError
from iam.findings import Finding
from iam.policy import Condition, Grant


@dataclass(frozen=True)
class TracedCall:
    """A recorded call: whether `role` (a name) was allowed `action` on `resource` (an ARN, or `*`)."""

    role: str
    action: str
    resource: str
    allowed: bool
    conditions: Mapping[str, str] = field(default_factory=dict, hash=False)


class UnreadableTrace(GateError):
    """Not a trace."""


@dataclass(frozen=True)
class Trace:
    """The calls of one deployment; `run` is who made it: the demo, or the end-to-end tests."""

    run: str
    account: str
    region: str
    variables: Mapping[str, str]
    calls: tuple[TracedCall, ...]


def write(path: Path, trace: Trace) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(trace), indent=1) + "\n")


def read(path: Path) -> Trace:
    """
    Raises:
        UnreadableTrace: when the file is no trace.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        return Trace(
            data["run"],
            data["account"],
            data["region"],
            data["variables"],
            tuple(TracedCall(**c) for c in data["calls"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableTrace(f"{path} is no trace ({error}): make demo writes one") from error


def check_file(path: Path) -> list[Finding]:
    """What a trace says against iam/contract.yaml.

    Raises:
        UnreadableTrace, ContractError
    """
    trace = read(path)
    if missing := set(declared()) - set(trace.variables):
        raise UnreadableTrace(f"{path} is of an older program, without {', '.join(sorted(missing))}: remove it")
    return list(check(trace, read_contract(PATH.read_text(), trace.variables)))


def check(trace: Trace, contract: Contract) -> Iterator[Finding]:
    """`contract` must have been read with the trace's variables."""
    lines = {name: [_Expected(line, trace) for line in role.may] for name, role in contract.items()}
    for call in trace.calls:
        if call.role not in lines:
            continue  # the CDK's own roles, which deploy this system but are no part of it
        fitting = [line for line in lines[call.role] if line.fits(call)]
        for line in fitting:
            line.hit = True
        if not call.allowed:
            yield Finding(
                "denied-call", call.role, "", "local AWS", f"{call.action} was denied",
                "grant it and write it into the contract, or do not call it", call.resource,
            )  # fmt: skip
        elif not fitting:
            yield Finding(
                "traced-call", call.role, "", "local AWS", f"{call.action} was called, and is not in the contract",
                "write it into the contract with its reason", call.resource,
            )  # fmt: skip
    for role, expected in lines.items():
        for line in expected:
            if not line.hit and line.of.evidence in ("trace:", f"trace: {trace.run}"):
                yield Finding(
                    "unused", role, "", line.grant.where, f"{line.grant} has trace: as evidence, and no call needed it",
                    "drop the line and the grant, or give other evidence",
                )  # fmt: skip


class _Expected:
    """A contract line with the trace's account and region filled in."""

    def __init__(self, line: Line[Grant], trace: Trace) -> None:
        self.of, self.grant, self.hit = line, line.allows, False
        values = {
            "AWS::Partition": "aws",
            "AWS::Region": trace.region,
            "AWS::AccountId": trace.account,
            "AWS::URLSuffix": "amazonaws.com",
        }

        def concrete(text: str) -> str:
            # what CloudFormation has named itself is not known here: any name
            return re.sub(r"\$\{([^}]+)\}", lambda m: values.get(m[1], "*"), text)

        self._resource = concrete(self.grant.resource)
        self._conditions = [
            Condition(c.operator, c.key.lower(), frozenset(map(concrete, c.values))) for c in self.grant.conditions
        ]

    def fits(self, call: TracedCall) -> bool:
        sent = {key.lower(): value for key, value in call.conditions.items()}
        return (
            call.action.lower() == self.grant.action.lower()
            and globs.matches(self._resource, call.resource)
            and all(
                condition.key in sent and any(globs.matches(value, sent[condition.key]) for value in condition.values)
                for condition in self._conditions
            )
        )
