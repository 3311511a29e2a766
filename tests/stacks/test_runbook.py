"""Every alarm leads to an entry of docs/runbook.md that says what to do, and no entry is of an alarm that is gone."""

import re

import pytest
from aws_cdk.assertions import Template

from aws.log_groups import NOTEBOOK_INSTANCES, TRAINING_JOBS
from stacks.runbook import RUNBOOK
from tests.stacks.conftest import synthesize_to
from tests.stacks.resources import ON_EC2, of_type, text
from tools.cdk import ROOT

TEXT = (ROOT / RUNBOOK).read_text()
ENTRIES = {
    heading: body for heading, body in re.findall(r"^## ([a-z0-9-]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """With every setting that brings an alarm."""
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"), **ON_EC2)


def test_every_alarm_and_budget_has_its_entry_and_every_entry_its_alarm(templates: dict[str, Template]) -> None:
    linked = set()
    types = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    for alarm in [a for template in templates.values() for type_ in types for a in of_type(template, type_)]:
        file, _, entry = alarm["AlarmDescription"].rpartition(" ")[2].partition("#")
        assert file == RUNBOOK
        linked.add(entry)
    budgets = of_type(templates["operations"], "AWS::Budgets::Budget")
    linked |= {text(budget["Budget"]["BudgetName"]).split("-")[2] for budget in budgets}
    assert linked == set(ENTRIES)


def test_the_entry_of_an_operators_alarm_has_its_name(templates: dict[str, Template]) -> None:
    for alarm in [
        *[each for each in of_type(templates["operations"], "AWS::CloudWatch::Alarm") if "AlarmActions" in each],
        *of_type(templates["operations"], "AWS::CloudWatch::CompositeAlarm"),
    ]:
        assert alarm["AlarmDescription"].endswith(f"#{alarm['AlarmName'].removeprefix('slipway-dev-')}")


def test_the_groups_of_logs_that_no_stack_makes_are_named() -> None:
    kept = TEXT.partition("## Logs that are kept")[2]
    for group in (NOTEBOOK_INSTANCES, TRAINING_JOBS):
        assert f"`{group}`" in kept


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_says_what_it_means_what_to_look_at_and_what_to_do(entry: str) -> None:
    parts = re.findall(r"^\*\*(\w[\w ]*)\*\*: \S", ENTRIES[entry], re.MULTILINE)
    assert parts == ["Means", "Look at", "Do"]
    assert "aws " in ENTRIES[entry]
