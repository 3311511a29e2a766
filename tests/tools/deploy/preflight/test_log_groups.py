"""An endpoint's log group that is there without its stack stops a deploy, which would fail on it after the training."""

from typing import Any

import pytest

from tests.tools.deploy.preflight.conftest import Assembly, Aws, target
from tools.deploy.preflight.log_groups import free_log_groups
from tools.preflight import NotReady

GROUP = "/aws/sagemaker/Endpoints/slipway-dev-4bd2"
STACK = "slipway-dev-serving"


@pytest.fixture
def assembly() -> Assembly:
    return Assembly({"Resources": {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP}}}})


def stack_has(aws: Aws, *groups: str) -> None:
    common = {"ResourceType": "AWS::Logs::LogGroup", "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": 0}
    held: list[dict[str, Any]] = [{"LogicalResourceId": "Log", "PhysicalResourceId": name, **common} for name in groups]
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": held}, {"StackName": STACK})


def account_has(aws: Aws, *groups: str) -> None:
    found = [{"logGroupName": name} for name in groups]
    aws("logs").add_response("describe_log_groups", {"logGroups": found}, {"logGroupNamePrefix": GROUP})


def test_the_stack_s_own_is_right(aws: Aws, assembly: Assembly) -> None:
    stack_has(aws, GROUP)
    assert free_log_groups(target(assembly)) == "they are the stacks', or free"


def test_without_the_stack_it_must_not_be_there(aws: Aws, assembly: Assembly) -> None:
    aws("cloudformation").add_client_error("list_stack_resources", "ValidationError", "does not exist")
    account_has(aws, f"{GROUP}-other")
    assert free_log_groups(target(assembly)) == "they are the stacks', or free"


def test_one_that_was_left_is_named_with_the_command_that_removes_it(aws: Aws, assembly: Assembly) -> None:
    stack_has(aws)
    account_has(aws, GROUP)
    with pytest.raises(NotReady, match=f"aws logs delete-log-group --log-group-name {GROUP}"):
        free_log_groups(target(assembly))
