"""A region that lacks a resource type is told before the deploy; where it is the budget's, the deploy goes without."""

from dataclasses import replace

import pytest

from tests.tools.deploy.preflight.conftest import target
from tools.deploy.preflight.region import resource_types
from tools.deploy.preflight.target import Unknown


def test_a_region_with_everything_is_right() -> None:
    assert resource_types(replace(target(), region="cn-north-1")) == "cn-north-1 has all resource types"


def test_one_without_budgets_is_right_and_says_that_none_is_made() -> None:
    assert "has no budgets: none is made" in resource_types(replace(target(), region="eu-north-1"))
    assert "budgets" not in resource_types(replace(target(monthly_budget_usd=0), region="eu-north-1"))


def test_one_without_endpoints_is_told_with_the_command_that_asks_again() -> None:
    with pytest.raises(Unknown, match=r"no AWS::SageMaker::Endpoint in us-gov-east-1 .* aws cloudformation list-types"):
        resource_types(replace(target(), region="us-gov-east-1"))
