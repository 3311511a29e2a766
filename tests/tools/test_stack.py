"""A deployed stack's outputs, and the sentence where it is not there; resources of a template."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.stack import NotDeployed, outputs, resources


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """CloudFormation with one stack, described by what the test puts in; without that, it answers as for none."""
    stack: dict[str, Any] = {}

    class Client:
        def describe_stacks(self, StackName: str) -> dict[str, Any]:
            if not stack:
                message = f"Stack with id {StackName} does not exist"
                raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
            return {"Stacks": [stack]}

    monkeypatch.setattr("boto3.client", lambda _: Client())
    return stack


def test_outputs_come_by_name(cloudformation: dict[str, Any]) -> None:
    cloudformation |= {"StackStatus": "CREATE_COMPLETE", "Outputs": [{"OutputKey": "Name", "OutputValue": "x"}]}
    assert outputs("slipway-dev-serving") == {"Name": "x"}


def test_a_complete_stack_may_have_no_outputs(cloudformation: dict[str, Any]) -> None:
    cloudformation |= {"StackStatus": "UPDATE_COMPLETE"}
    assert outputs("slipway-dev-operations") == {}


def test_a_stack_that_is_not_there_is_named_with_the_fix(cloudformation: dict[str, Any]) -> None:
    with pytest.raises(NotDeployed, match=r"no stack slipway-dev-serving in .*make deploy.*SETTINGS="):
        outputs("slipway-dev-serving")


def test_a_stack_whose_first_deploy_failed_is_named_with_its_status(cloudformation: dict[str, Any]) -> None:
    cloudformation |= {"StackStatus": "ROLLBACK_COMPLETE"}
    with pytest.raises(NotDeployed, match="slipway-dev-serving is ROLLBACK_COMPLETE"):
        outputs("slipway-dev-serving")


def test_resources_come_by_type_with_their_logical_ids() -> None:
    template = {"Resources": {"A": {"Type": "T", "Properties": {"x": 1}}, "B": {"Type": "T"}, "C": {"Type": "U"}}}
    assert resources(template, "T") == {"A": {"x": 1}, "B": {}}
