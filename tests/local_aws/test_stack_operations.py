"""A stack that is being changed takes no second change ("UpdateStack", CloudFormation API reference)."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import Client, wait_for_stack
from tests.waiting import WAITER_CONFIG, until


def template(**names: str) -> str:
    """A handle, and a condition that waits for it as long as nobody signals."""
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waits = {
        name: {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "H"}, "Timeout": seconds}}
        for name, seconds in names.items()
    }
    topics = {"T": {"Type": "AWS::SNS::Topic"}}
    return json.dumps({"Resources": {"H": handle, **topics, **waits}})


@pytest.fixture
def busy(client: Client) -> Iterator[str]:
    """A stack that is being updated, with a change set made before."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="busy", TemplateBody=template())
    assert wait_for_stack(client, "busy") == "CREATE_COMPLETE"
    cloudformation.create_change_set(StackName="busy", ChangeSetName="second", TemplateBody=template(V="600"))
    until(lambda: cloudformation.describe_change_set(StackName="busy", ChangeSetName="second")["Status"].endswith("TE"))
    cloudformation.update_stack(StackName="busy", TemplateBody=template(U="600"))
    yield "busy"
    cloudformation.signal_resource(StackName="busy", LogicalResourceId="U", UniqueId="1", Status="SUCCESS")
    assert wait_for_stack(client, "busy") == "UPDATE_COMPLETE"
    cloudformation.delete_stack(StackName="busy")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="busy", WaiterConfig=WAITER_CONFIG)


def test_it_refuses_each_way_to_change_it_and_goes_on(client: Client, busy: str) -> None:
    """The words: https://github.com/remind101/empire/issues/932."""
    cloudformation = client("cloudformation")
    for operation, request in (
        ("update_stack", {"TemplateBody": template(W="600")}),
        ("create_change_set", {"ChangeSetName": "third", "TemplateBody": template(W="600")}),
        ("execute_change_set", {"ChangeSetName": "second"}),
    ):
        with pytest.raises(ClientError, match=r"Stack:arn:.*/busy/.* is in UPDATE_IN_PROGRESS state and can not") as no:
            getattr(cloudformation, operation)(StackName=busy, **request)
        assert no.value.response["Error"]["Code"] == "ValidationError"

    assert cloudformation.describe_stacks(StackName=busy)["Stacks"][0]["StackStatus"] == "UPDATE_IN_PROGRESS"
    assert "U" in cloudformation.get_template(StackName=busy)["TemplateBody"]["Resources"]


def test_it_is_not_deleted_before_the_update_has_ended(client: Client, busy: str) -> None:
    """The words are kept by elifesciences/builder (src/buildercore/bootstrap.py), of another status of an update."""
    no = r"DeleteStack operation: Stack \[arn:.*/busy/.*\] cannot be deleted while in status UPDATE_IN_PROGRESS$"
    with pytest.raises(ClientError, match=no) as refused:
        client("cloudformation").delete_stack(StackName=busy)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_stack_that_is_being_created_can_be_deleted(client: Client) -> None:
    """CloudFormation refuses the statuses of an update alone: "DeleteStack" is the way to end a creation."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="given-up", TemplateBody=template(W="600"))
    cloudformation.delete_stack(StackName="given-up")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="given-up", WaiterConfig=WAITER_CONFIG)


def test_a_change_set_of_a_stack_that_is_not_made_yet_can_be_executed(client: Client) -> None:
    cloudformation = client("cloudformation")
    cloudformation.create_change_set(
        StackName="fresh", ChangeSetName="new", ChangeSetType="CREATE", TemplateBody=template()
    )
    until(lambda: cloudformation.describe_change_set(StackName="fresh", ChangeSetName="new")["Status"].endswith("LETE"))
    cloudformation.execute_change_set(StackName="fresh", ChangeSetName="new")
    assert wait_for_stack(client, "fresh") == "CREATE_COMPLETE"
