"""The whole gate over an app's templates: roles, contract, AWS's reference, our own rules."""

from iam import facts, gate, rules
from iam.contract import PATH
from iam.contract import read as read_contract
from iam.findings import Finding
from iam.source import source_of
from iam.template import Template, read
from iam.variables import variables


def check_templates(templates: dict[str, Template], contract: str | None = None) -> list[Finding]:
    """Everything the gate has to say of templates, by stack; `contract` is the text of iam/contract.yaml.

    Raises:
        Missing, ContractError: the input cannot be read.
    """
    assembly = read(templates)
    needed = read_contract(contract or PATH.read_text(), variables(assembly))
    held = gate.check(assembly.roles, needed, facts.load())
    return sorted({*assembly.findings, *held, *map(_finding, rules.check(templates))})


def _finding(broken: rules.RuleFinding) -> Finding:
    where = source_of(broken.stack)
    return Finding(broken.rule, f"{broken.stack}.{broken.resource}", "", where, broken.message, broken.fix)
