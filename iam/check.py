"""The whole gate over a synthesized folder: roles, contract, AWS's reference, our own rules, recorded calls."""

from pathlib import Path

from iam import facts, gate, rules, trace
from iam.contract import PATH
from iam.contract import read as read_contract
from iam.findings import Finding
from iam.template import Template, load, read
from iam.variables import variables


def check(folder: Path, *traces: Path) -> list[Finding]:
    """Everything the gate has to say of a folder that `cdk synth` wrote, and of traces.

    Raises:
        UnreadableFolder, UnreadableTrace, Missing, ContractError: the input cannot be read.
    """
    findings = check_templates(load(folder))
    for path in traces:
        recorded = trace.read(path)
        findings += trace.check(recorded, read_contract(PATH.read_text(), recorded.variables))
    return sorted(set(findings))


def check_templates(templates: dict[str, Template], contract: str | None = None) -> list[Finding]:
    """The same of templates by stack, and of the text of a contract other than iam/contract.yaml."""
    assembly = read(templates)
    needed = read_contract(contract or PATH.read_text(), variables(assembly))
    held = gate.check(assembly.roles, needed, facts.load())
    return sorted({*assembly.findings, *held, *map(_finding, rules.check(templates))})


def _finding(broken: rules.RuleFinding) -> Finding:
    file = "_".join(broken.stack.split("-")[2:])
    where = f"stacks/{file}.py"
    return Finding(broken.rule, f"{broken.stack}.{broken.resource}", "", where, broken.message, broken.fix)
