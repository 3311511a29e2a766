"""No small change to a policy or to the contract goes unnoticed."""

import re

import pytest

from iam.check import check_templates
from iam.contract import PATH, read
from iam.template import read as read_templates
from iam.variables import variables
from tests.iam.conftest import Templates
from tests.iam.mutants import mutants


@pytest.fixture
def apps(with_everything: Templates, tuned: Templates) -> list[Templates]:
    """Between them they switch on every `when:` of the contract."""
    return [with_everything, tuned]


def test_the_app_itself_has_no_finding(synthesized: Templates, apps: list[Templates]) -> None:
    assert [check_templates(templates) for templates in [synthesized, *apps]] == [[], [], []]


@pytest.mark.long  # tests/iam/test_kinds.py has one change of each kind
def test_no_changed_policy_survives(apps: list[Templates]) -> None:
    tried = list({what: (what, changed) for templates in apps for what, changed in mutants(templates)}.values())

    survivors = [what for what, templates in tried if not check_templates(templates)]

    assert survivors == []
    assert len(tried) > 500


@pytest.mark.long  # tests/iam/test_kinds.py has one change of each kind
def test_no_contract_line_can_be_dropped(apps: list[Templates]) -> None:
    text = PATH.read_text()
    lines = [number for number, line in enumerate(text.splitlines()) if re.match(r"\s+- \{", line)]

    survivors = [
        number + 1
        for number in lines
        if not any(check_templates(templates, _without(text, number)) for templates in apps)
    ]

    assert survivors == []
    used = {
        line.number
        for templates in apps
        for role in read(text, variables(read_templates(templates))).values()
        for line in role.lines
    }
    assert used == {number + 1 for number in lines}


def _without(text: str, number: int) -> str:
    lines = text.splitlines()
    del lines[number]
    return "\n".join(lines)
