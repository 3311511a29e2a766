"""CloudFormation is limited to the permissions of the stack's execution role, or without one of its caller."""

import json
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.calls import Call, read
from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tests.local_aws.conftest import Client, assume, make_role, wait_for_stack
from tests.waiting import until

CLOUDFORMATION = "cloudformation.amazonaws.com"
GROUP = f"arn:aws:logs:{DEFAULT_REGION}:{ACCOUNT}:log-group"
_numbers = count()

Resource = dict[str, Any]


def log_group(name: str, days: int | None = None) -> Resource:
    retention = {"RetentionInDays": days} if days else {}
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **retention}}


def bucket(name: str) -> Resource:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}


def template(**resources: Resource) -> str:
    return json.dumps({"Resources": resources})


def execution_role(client: Client, *statements: dict[str, Any]) -> str:
    return make_role(client, f"execution-{next(_numbers)}", CLOUDFORMATION, *statements)


def create(client: Client, body: str, role: str | None = None) -> tuple[str, str, list[str]]:
    """Create a stack; returns its name, its final status and the reasons in its events."""
    stack = f"stack-{next(_numbers)}"
    with_role = {"RoleARN": role} if role else {}
    client("cloudformation").create_stack(StackName=stack, TemplateBody=body, **with_role)
    return stack, wait_for_stack(client, stack), reasons(client, stack)


def reasons(client: Client, stack: str) -> list[str]:
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]


def wait_until_gone(client: Client, group: str) -> None:
    until(lambda: not client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"])


@pytest.fixture(scope="module")
def loggers(client: Client) -> str:
    """Role that may create, change and delete log groups under /mine/, and nothing else."""
    actions = ["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy"]
    return execution_role(client, {"Action": actions, "Resource": f"{GROUP}:/mine/*"})


def test_what_the_role_may_not_create_fails_in_aws_s_words_and_rolls_back(client: Client, loggers: str) -> None:
    body = template(A=log_group("/mine/a"), B={**bucket("not-mine"), "DependsOn": "A"})

    _, status, why = create(client, body, loggers)

    assert status == "ROLLBACK_COMPLETE"
    role = loggers.rpartition("/")[2]
    assert (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role}/AWSCloudFormation is not authorized to perform: "
        "s3:CreateBucket on resource: arn:aws:s3:::not-mine because no identity-based policy allows the "
        "s3:CreateBucket action"
    ) in why
    assert not client("logs").describe_log_groups(logGroupNamePrefix="/mine/a")["logGroups"]


def test_what_it_may_is_created_changed_and_deleted_and_all_of_it_recorded(
    client: Client, home: Home, loggers: str
) -> None:
    stack, status, _ = create(client, template(A=log_group("/mine/b")), loggers)
    assert status == "CREATE_COMPLETE"
    # Without a role in the request, the stack keeps the role it was created with.
    client("cloudformation").update_stack(StackName=stack, TemplateBody=template(A=log_group("/mine/b", 7)))
    assert wait_for_stack(client, stack) == "UPDATE_COMPLETE"
    client("cloudformation").delete_stack(StackName=stack)
    wait_until_gone(client, "/mine/b")

    role, group = loggers.rpartition("/")[2], f"{GROUP}:/mine/b:log-stream:"
    done = [call for call in read(home.calls) if call.role == role and call.resource == group]
    actions = ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"]
    assert done == [Call(role, action, group, True) for action in actions]


def test_an_update_is_the_role_s_too(client: Client, loggers: str) -> None:
    stack, _, _ = create(client, template(A=log_group("/mine/c")), loggers)

    added = template(A=log_group("/mine/c"), B=bucket("not-mine"))
    client("cloudformation").update_stack(StackName=stack, TemplateBody=added)

    assert wait_for_stack(client, stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("s3:CreateBucket on resource" in why for why in reasons(client, stack))


def test_what_it_may_not_delete_stays(client: Client) -> None:
    role = execution_role(client, {"Action": "logs:CreateLogGroup", "Resource": "*"})
    stack, _, _ = create(client, template(A=log_group("/mine/d")), role)

    client("cloudformation").delete_stack(StackName=stack)

    assert wait_for_stack(client, stack) == "DELETE_FAILED"
    assert any("logs:DeleteLogGroup on resource" in why for why in reasons(client, stack))
    assert client("logs").describe_log_groups(logGroupNamePrefix="/mine/d")["logGroups"]


def test_an_alias_is_deleted_with_a_permission_on_its_key_too(client: Client) -> None:
    """ "Controlling access to aliases", AWS KMS developer guide."""
    kms = f"arn:aws:kms:{DEFAULT_REGION}:{ACCOUNT}"
    made = {"Action": "kms:CreateAlias", "Resource": [f"{kms}:alias/*", f"{kms}:key/*"]}
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    properties = {"AliasName": f"alias/mine-{next(_numbers)}", "TargetKeyId": key}
    body = template(A={"Type": "AWS::KMS::Alias", "Properties": properties})
    role = execution_role(client, made, {"Action": "kms:DeleteAlias", "Resource": f"{kms}:alias/*"})
    stack, status, _ = create(client, body, role)
    assert status == "CREATE_COMPLETE"

    client("cloudformation").delete_stack(StackName=stack)

    assert wait_for_stack(client, stack) == "DELETE_FAILED"
    assert any(f"kms:DeleteAlias on resource: {kms}:key/{key}" in why for why in reasons(client, stack))


def test_a_change_set_is_executed_with_the_role_that_it_was_made_with(client: Client, loggers: str) -> None:
    stack, name = f"stack-{next(_numbers)}", {"ChangeSetName": "first"}
    body = template(B=bucket("not-mine"))
    client("cloudformation").create_change_set(
        StackName=stack, **name, ChangeSetType="CREATE", TemplateBody=body, RoleARN=loggers
    )
    client("cloudformation").execute_change_set(StackName=stack, **name)

    assert wait_for_stack(client, stack) == "ROLLBACK_COMPLETE"


def test_without_a_role_the_caller_is_asked(client: Client, home: Home) -> None:
    make_role(client, "developer", CLOUDFORMATION, {"Action": "cloudformation:*", "Resource": "*"})
    developer = assume(client, home, "developer")

    _, status, why = create(developer, template(B=bucket("not-mine")))

    assert status == "ROLLBACK_COMPLETE"
    assert any("assumed-role/developer/probe is not authorized to perform: s3:CreateBucket" in line for line in why)


def test_a_caller_may_not_lend_itself_a_role(client: Client, home: Home, loggers: str) -> None:
    make_role(client, "climber", CLOUDFORMATION, {"Action": "cloudformation:*", "Resource": "*"})

    with pytest.raises(ClientError, match=f"not authorized to perform: iam:PassRole on resource: {loggers}"):
        create(assume(client, home, "climber"), template(A=log_group("/mine/e")), loggers)


def test_a_role_that_does_not_trust_cloudformation_is_refused(client: Client) -> None:
    role = make_role(client, "untrusting", "lambda.amazonaws.com", {"Action": "*", "Resource": "*"})

    with pytest.raises(ClientError, match="Could not assume role"):
        create(client, template(A=log_group("/mine/f")), role)


@pytest.mark.parametrize(
    ("resource", "service"),
    [
        (
            {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/powerful",
                    "Code": {"ZipFile": "def handler(event, context): pass"},
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                },
            },
            "lambda.amazonaws.com",
        ),
        (
            {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/powerful",
                    "PrimaryContainer": {"Image": "image"},
                },
            },
            "sagemaker.amazonaws.com",
        ),
    ],
)
def test_the_role_of_a_resource_has_to_be_passed(client: Client, home: Home, resource: Resource, service: str) -> None:
    role = execution_role(client, {"Action": ["lambda:*", "sagemaker:*"], "Resource": "*"})

    _, status, why = create(client, template(R=resource), role)

    powerful = f"arn:aws:iam::{ACCOUNT}:role/powerful"
    assert status == "ROLLBACK_COMPLETE"
    assert any(f"not authorized to perform: iam:PassRole on resource: {powerful}" in line for line in why)
    passed = {"iam:PassedToService": service}
    assert Call(role.rpartition("/")[2], "iam:PassRole", powerful, False, passed) in read(home.calls)


def test_a_type_that_the_table_lacks_is_refused_by_name(client: Client) -> None:
    _, status, why = create(client, template(T={"Type": "AWS::SQS::Queue", "Properties": {}}))

    assert status == "ROLLBACK_COMPLETE"
    assert any("AWS::SQS::Queue" in line and "local_aws/iam/resource_actions.py" in line for line in why)


def test_cloudformation_names_no_source_when_it_assumes_a_role(client: Client) -> None:
    """ "Cross-service confused deputy prevention", CloudFormation user guide, has extensions alone."""
    role = execution_role(client, {"Action": "logs:*", "Resource": "*"})
    known = client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    known["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    client("iam").update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(known))
    with pytest.raises(ClientError, match="Could not assume role"):
        create(client, template(Log=log_group(f"/mine/{next(_numbers)}")), role)
