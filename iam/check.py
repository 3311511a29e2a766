"""Run the whole gate on an app's templates: roles, policies, resources, contract, AWS's reference, our own rules."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from iam import facts, gate, inventory, rules
from iam.cases import cases
from iam.contract import PATH, Contract
from iam.contract import read as read_contract
from iam.contract_text import misfits
from iam.findings import GateFinding
from iam.resolve import Template
from iam.structure import sane
from iam.template import read_sane
from iam.variables import MissingResource, variables


def check_templates(templates: Mapping[str, Any], contract: str | None = None) -> list[GateFinding]:
    """Every finding about `templates`, by stack name; `contract` is the text of iam/contract.yaml.

    Raises:
        ContractError: the contract cannot be read.
    """
    text = contract or PATH.read_text()
    readable, unread = sane(templates)
    optional = inventory.optional_types(text)
    found = {when: _check(case, text) for when, case in cases(readable, optional, unread)}
    everywhere = set.intersection(*found.values())
    only = {replace(f, message=f"{f.message} (when {when})") for when, some in found.items() for f in some - everywhere}
    return sorted({*unread, *everywhere, *only})


def _check(templates: dict[str, Template], text: str) -> set[GateFinding]:
    """Findings about templates without conditions."""
    assembly = read_sane(templates)
    findings = {*assembly.findings, *rules.check(assembly.templates)}
    try:
        values = variables(assembly)
    except MissingResource as error:
        fix = "put it back, or change iam/variables.py"
        return findings | {GateFinding("variables", "the app", "", "iam/contract.yaml", str(error), fix)}
    for problem in misfits(values):
        fix = "name one thing, without a wildcard"
        findings.add(GateFinding("variables", "the app", "", "iam/contract.yaml", f"in the templates, {problem}", fix))
    contract, held = _contract(text, tuple(values.items()))
    return findings | {*gate.check(assembly.roles, contract, facts.load()), *inventory.check(assembly, held)}


@lru_cache(maxsize=8)
def _contract(text: str, values: tuple[tuple[str, str], ...]) -> tuple[Contract, inventory.Inventory]:
    return read_contract(text, dict(values)), inventory.read(text, dict(values))
