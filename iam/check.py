"""Run the whole gate on an app's templates: roles, contract, AWS's reference, our own rules."""

from iam import facts, gate, rules
from iam.contract import PATH
from iam.contract import read as read_contract
from iam.findings import GateFinding
from iam.template import Template, read
from iam.variables import variables


def check_templates(templates: dict[str, Template], contract: str | None = None) -> list[GateFinding]:
    """Every finding about `templates`, by stack name; `contract` is the text of iam/contract.yaml.

    Raises:
        MissingResource, ContractError: the input cannot be read.
    """
    assembly = read(templates)
    needed = read_contract(contract or PATH.read_text(), variables(assembly))
    held = gate.check(assembly.roles, needed, facts.load())
    return sorted({*assembly.findings, *held, *rules.check(templates)})
