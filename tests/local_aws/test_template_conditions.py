"""Fn::Join and the region are resolved in template conditions, as in the CDK bootstrap stack and for our budget."""

from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services.cloudformation import changesets, engine, handlers, stacks

from local_aws import template_conditions

GIVEN = {"Fn::Not": [{"Fn::Equals": ["", {"Fn::Join": ["", {"Ref": "Policies"}]}]}]}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (changesets, engine, handlers, stacks):
        monkeypatch.setattr(module, "_evaluate_conditions", module._evaluate_conditions)  # put back at the end
    template_conditions.install()


@pytest.mark.parametrize("module", [changesets, engine, handlers, stacks])
@pytest.mark.parametrize(
    ("condition", "policies", "expected"),
    [
        (GIVEN, "", False),
        (GIVEN, "arn:aws:iam::aws:policy/AdministratorAccess", True),
        ({"Fn::Equals": ["a-b", {"Fn::Join": ["-", ["a", {"Ref": "Policies"}]]}]}, "b", True),
        ({"Fn::Equals": ["a+b", {"Fn::Join": ["+", {"Ref": "Policies"}]}]}, "a,b", True),
        ({"Fn::Equals": ["x", {"Ref": "Policies"}]}, "x", True),
    ],
)
def test_a_joined_list_is_compared_as_text(module: Any, condition: Any, policies: str, expected: bool) -> None:
    template, parameters = {"Conditions": {"C": condition}}, {"Policies": {"Value": policies}}

    assert module._evaluate_conditions(template, parameters) == {"C": expected}


@pytest.mark.parametrize(("region", "expected"), [("eu-north-1", False), ("eu-west-1", True)])
def test_the_region_is_that_of_the_call(region: str, expected: bool) -> None:
    lacking = {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, each]} for each in ("af-south-1", "eu-north-1")]}
    with request_scope("000000000000", region):
        assert engine._evaluate_conditions({"Conditions": {"C": {"Fn::Not": [lacking]}}}, {}) == {"C": expected}
