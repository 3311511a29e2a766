"""Accepted findings of public rule packs: those in acknowledged.yaml, and the contract's wildcards.

The packs (cdk-nag's AwsSolutions and NIST 800-53 R5) run in tests/stacks/test_nag.py, not at every synth.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from iam.contract import Contract, ContractRole
from iam.findings import GateFinding
from iam.source import suffix
from iam.wildcards import wildcards

PATH = Path(__file__).with_name("acknowledged.yaml")
_OWN = "IAM-gate"  # as the CDK writes the name of the gate's plugin before its rules


class Acknowledgement(NamedTuple):
    """One accepted finding of one rule on one construct, with the reason.

    Attributes:
        rule: begins with its pack, such as `AwsSolutions::`. Without that CDK takes it for an annotation, and cdk-nag
            then drops the finding with no record in the validation report.
        construct: path below `<app>-<stage>-`: the stack, then the ids.
    """

    construct: str
    rule: str
    reason: str


def acknowledgements(contract: Contract) -> list[Acknowledgement]:
    """Accepted findings, sorted, of a deployment whose variables `contract` was read with."""
    return sorted([*_of_table(), *(row for role in contract.values() for row in _of_wildcards(role))])


def own_rules(folder: Path) -> Iterator[GateFinding]:
    """Find acknowledgements of the gate's own rules in a synthesized folder: it takes none."""
    for path in sorted([*folder.rglob("*.metadata.json"), *folder.rglob("manifest.json")]):
        text = path.read_text(errors="replace")
        for rule in sorted(set(re.findall(rf'"({_OWN}::[^"]*)"', text))):
            message, fix = (
                f"{rule} is acknowledged in it",
                "change what the gate finds, or the contract with its reason",
            )
            yield GateFinding("acknowledged", path.name, "", "stacks", message, fix)


def table() -> list[dict[str, Any]]:
    """The entries of acknowledged.yaml: `rules`, `at` and `reason`."""
    return list(yaml.load(PATH.read_text(), yaml.CSafeLoader))  # the C one: a tenth of the time


def _of_table() -> Iterator[Acknowledgement]:
    for entry in table():
        for construct, rule in itertools.product(entry["at"], entry["rules"]):
            pack = rule.rpartition("-")[0]
            yield Acknowledgement(construct, rule if "::" in rule else f"{pack}::{rule}", entry["reason"])


def _of_wildcards(role: ContractRole) -> Iterator[Acknowledgement]:
    """One finding for each resource with a `*`, in which cdk-nag shows `${name}` as `<name>`."""
    construct = "roles/" + "".join(word.capitalize() for word in suffix(role.name))
    reasons: dict[str, list[str]] = {}
    for (resource, reason), actions in wildcards(role).items():
        if "*" in resource:
            shown = re.sub(r"\$\{([^}]+)\}", r"<\1>", resource)
            reasons.setdefault(shown, []).append(f"{', '.join(actions)}: {reason}.")
    for resource, sentences in reasons.items():
        yield Acknowledgement(construct, f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]", " ".join(sentences))
