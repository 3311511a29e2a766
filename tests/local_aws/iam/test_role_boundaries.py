"""A boundary in a template limits the role, as AWS's page "Permissions boundaries for IAM entities" says."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import ACCOUNT, Home
from tests.local_aws.conftest import Client, assume, wait_for_stack
from tests.local_aws.iam.test_stack_authorization import reasons, template

NAMED = ["CAPABILITY_NAMED_IAM"]
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
LIST = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def create(client: Client, name: str, body: str) -> str:
    """Status of a new stack."""
    client("cloudformation").create_stack(StackName=name, TemplateBody=body, Capabilities=NAMED)
    return wait_for_stack(client, name)


def role(name: str, **properties: str) -> str:
    """A template with one role that may list buckets."""
    policy = {"PolicyName": "p", "PolicyDocument": document(LIST)}
    made = {"RoleName": name, "AssumeRolePolicyDocument": document(TRUST), "Policies": [policy], **properties}
    return template(Role={"Type": "AWS::IAM::Role", "Properties": made})


@pytest.fixture(scope="module")
def boundary(client: Client) -> str:
    """A boundary under which no bucket can be listed."""
    only_keys = document({"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
    made = client("iam").create_policy(PolicyName="only-keys", PolicyDocument=json.dumps(only_keys))
    return str(made["Policy"]["Arn"])


def test_what_the_boundary_does_not_allow_is_denied_until_an_update_takes_it_away(
    client: Client, home: Home, boundary: str
) -> None:
    assert create(client, "bounded", role("bounded", PermissionsBoundary=boundary)) == "CREATE_COMPLETE"
    as_role = assume(client, home, "bounded")
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role("s3").list_buckets()
    client("cloudformation").update_stack(StackName="bounded", TemplateBody=role("bounded"), Capabilities=NAMED)
    assert wait_for_stack(client, "bounded") == "UPDATE_COMPLETE"
    as_role("s3").list_buckets()


def test_a_boundary_that_is_not_there_fails_the_stack(client: Client) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    assert create(client, "unbounded", role("unbounded", PermissionsBoundary=missing)) == "ROLLBACK_COMPLETE"
    assert any(f"Scope ARN: {missing} does not exist" in reason for reason in reasons(client, "unbounded"))
