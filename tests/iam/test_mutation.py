"""No small change to a policy or to the contract goes unnoticed."""

import re

from iam.check import check_templates
from iam.contract import PATH, read
from iam.template import read as read_templates
from iam.variables import variables
from tests.iam.conftest import Templates
from tests.iam.mutants import mutants


def test_the_app_itself_has_no_finding(synthesized: Templates) -> None:
    assert check_templates(synthesized) == []


def test_no_changed_policy_survives(synthesized: Templates) -> None:
    tried = list(mutants(synthesized))

    survivors = [what for what, templates in tried if not check_templates(templates)]

    assert survivors == []
    assert len(tried) > 500


def test_no_contract_line_can_be_dropped(synthesized: Templates) -> None:
    text = PATH.read_text()
    lines = [number for number, line in enumerate(text.splitlines()) if re.match(r"\s+- \{", line)]

    survivors = [number + 1 for number in lines if not check_templates(synthesized, _without(text, number))]

    assert survivors == []
    assert len(lines) == sum(
        len(role.trust) + len(role.may) for role in read(text, variables(read_templates(synthesized))).values()
    )


def _without(text: str, number: int) -> str:
    lines = text.splitlines()
    del lines[number]
    return "\n".join(lines)
