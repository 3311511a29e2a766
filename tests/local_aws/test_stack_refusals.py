"""CloudFormation refuses names that are taken, the deletion of full buckets, and changes of exports in use.

"Get exported outputs from a deployed stack" and "Delete stack fails", CloudFormation user guide.
"""

import json
from itertools import count
from typing import Any

import pytest

from tests.local_aws.conftest import Client, wait_for_stack
from tests.waiting import WAITER_CONFIG, until

_numbers = count()


@pytest.fixture
def name() -> str:
    return f"refused-{next(_numbers)}"


def create(client: Client, stack: str, **template: Any) -> str:
    client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    return wait_for_stack(client, stack)


def update(client: Client, stack: str, **template: Any) -> str:
    client("cloudformation").update_stack(StackName=stack, TemplateBody=json.dumps(template))
    return wait_for_stack(client, stack)


def reasons(client: Client, stack: str) -> list[str]:
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]


def log_group(name: str) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}


def test_a_log_group_that_is_there_stays_as_it_is(client: Client, name: str) -> None:
    client("logs").create_log_group(logGroupName=name)
    client("logs").create_log_stream(logGroupName=name, logStreamName="kept")

    assert create(client, name, Resources={"Log": log_group(name)}) == "ROLLBACK_COMPLETE"

    assert f"Resource of type 'AWS::Logs::LogGroup' with identifier '{name}' already exists." in reasons(client, name)
    assert client("logs").describe_log_streams(logGroupName=name)["logStreams"]


@pytest.mark.parametrize("versioned", [False, True])
def test_a_bucket_goes_with_its_stack_only_without_objects_and_versions(
    client: Client, name: str, versioned: bool
) -> None:
    bucket = {"BucketName": name, **({"VersioningConfiguration": {"Status": "Enabled"}} if versioned else {})}
    create(client, name, Resources={"Bucket": {"Type": "AWS::S3::Bucket", "Properties": bucket}})
    version = client("s3").put_object(Bucket=name, Key="k", Body=b"v").get("VersionId")
    if versioned:
        client("s3").delete_object(Bucket=name, Key="k")  # which leaves the version

    client("cloudformation").delete_stack(StackName=name)
    assert until(lambda: wait_for_stack(client, name)) == "DELETE_FAILED"
    assert [reason for reason in reasons(client, name) if "The bucket you tried to delete is not empty" in reason]

    if versioned:
        for marker in client("s3").list_object_versions(Bucket=name).get("DeleteMarkers", []):
            client("s3").delete_object(Bucket=name, Key="k", VersionId=marker["VersionId"])
        client("s3").delete_object(Bucket=name, Key="k", VersionId=version)
    else:
        client("s3").delete_object(Bucket=name, Key="k")
    client("cloudformation").delete_stack(StackName=name)
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAITER_CONFIG)


def exporting(name: str, value: str | None) -> dict[str, Any]:
    """Template with an export of that value, or without it."""
    output = {"Value": {"Value": value, "Export": {"Name": f"{name}-export"}}} if value else {}
    return {"Resources": {"Log": log_group(f"/{name}/exporting")}, "Outputs": output}


def importing(name: str, used: bool = True) -> dict[str, Any]:
    value: Any = {"Fn::ImportValue": f"{name}-export"} if used else "7"
    log = log_group(f"/{name}/importing")
    log["Properties"]["RetentionInDays"] = value
    return {"Resources": {"Log": log}}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("14", "Export {name}-export cannot be updated as it is in use by {name}-user"),
        (None, "Delete canceled. Cannot delete export {name}-export as it is in use by {name}-user."),
    ],
)
def test_an_export_in_use_stays_as_it_is(client: Client, name: str, value: str | None, told: str) -> None:
    create(client, name, **exporting(name, "7"))
    assert create(client, f"{name}-user", **importing(name)) == "CREATE_COMPLETE"

    assert update(client, name, **exporting(name, value)) == "UPDATE_ROLLBACK_COMPLETE"
    assert told.format(name=name) in reasons(client, name)

    update(client, f"{name}-user", **importing(name, used=False))
    assert update(client, name, **exporting(name, value)) == "UPDATE_COMPLETE"


def test_a_stack_with_an_export_in_use_keeps_its_status(client: Client, name: str) -> None:
    """https://github.com/USSBA/aws-cft-tools/issues/27."""
    create(client, name, **exporting(name, "7"))
    create(client, f"{name}-user", **importing(name))
    client("cloudformation").delete_stack(StackName=name)
    assert wait_for_stack(client, name) == "CREATE_COMPLETE"
    told = f"Delete canceled. Cannot delete export {name}-export as it is in use by {name}-user."
    assert told in reasons(client, name)


def test_the_name_of_an_export_is_taken_once(client: Client, name: str) -> None:
    create(client, name, **exporting(name, "7"))
    second = {**exporting(name, "7"), "Resources": {"Log": log_group(f"/{name}/second")}}
    assert create(client, f"{name}-second", **second) == "ROLLBACK_COMPLETE"
    told = f"Export with name {name}-export is already exported by stack {name}."
    assert told in reasons(client, f"{name}-second")


def test_the_metadata_of_every_cdk_app_needs_no_permission(client: Client, name: str) -> None:
    metadata = {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:H4"}}
    assert create(client, name, Resources={"CDKMetadata": metadata}) == "CREATE_COMPLETE"
