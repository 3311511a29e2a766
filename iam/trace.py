"""Check recorded calls: every call is in the contract, and every line marked `trace:` was used.

A trace has the calls of one deployment's roles on local AWS, with that deployment's variables, as JSON:
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
from iam.findings import GateFinding
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
    """The file is not a trace of this version."""


@dataclass(frozen=True)
class Trace:
    """Calls of one deployment; `run` names the program that made it: `demo` or `end-to-end tests`."""

    run: str
    account: str
    region: str
    variables: Mapping[str, str]
    calls: tuple[TracedCall, ...]


def write(path: Path, trace: Trace) -> None:
    """Write `trace` to `path`, whose folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(trace), indent=1) + "\n")


def read(path: Path) -> Trace:
    """Read a trace that `write` wrote.

    Raises:
        UnreadableTrace: the file is not a trace.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        return Trace(**data | {"calls": tuple(TracedCall(**call) for call in data["calls"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableTrace(f"{path} is not a trace ({error}): run make demo to write one") from error


def check_file(path: Path) -> list[GateFinding]:
    """Differences between a trace and iam/contract.yaml.

    Raises:
        UnreadableTrace, ContractError: the trace or the contract cannot be read.
    """
    trace = read(path)
    if missing := set(declared()) - set(trace.variables):
        raise UnreadableTrace(f"{path} is from an older version, without {', '.join(sorted(missing))}: remove it")
    return list(check(trace, read_contract(PATH.read_text(), trace.variables)))


def check(trace: Trace, contract: Contract) -> Iterator[GateFinding]:
    """Differences between a trace and `contract`, which must have been read with the trace's variables."""
    lines = {
        name.replace("REGION", trace.region): [_Expected(line, trace) for line in role.may]
        for name, role in contract.items()
    }
    for call in trace.calls:
        if call.role not in lines:
            continue  # the CDK's own roles, which deploy this system but are no part of it
        fitting = [line for line in lines[call.role] if line.fits(call)]
        for line in fitting:
            line.hit = True
        if not call.allowed:
            yield GateFinding(
                "denied-call", call.role, "", "local AWS", f"{call.action} was denied",
                "grant it and add it to the contract, or do not call it", call.resource,
            )  # fmt: skip
        elif not fitting:
            yield GateFinding(
                "traced-call", call.role, "", "local AWS", f"{call.action} was called but is not in the contract",
                "add it to the contract with its reason", call.resource,
            )  # fmt: skip
    for role, expected in lines.items():
        for line in expected:
            if not line.hit and line.of.evidence in ("trace:", f"trace: {trace.run}"):
                yield GateFinding(
                    "unused", role, "", line.grant.where, f"{line.grant} is marked trace:, but no call used it",
                    "remove the line and the grant, or give other evidence",
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
            # a name that CloudFormation generated is not known here: any matches
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
