"""A key that cannot be used, another key or path than a stage has, and a boundary that denies what a role needs, are
told before the deploy."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.deploy.preflight.conftest import ACCOUNT, Aws, target
from tools.assembly import SynthesizedApp
from tools.deploy.preflight.account import TOPIC_PUBLISHERS, boundary, existing_key, role_path
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
USABLE = {"KeyId": KEY, "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/developers"


OWN = {"Fn::GetAtt": ["Key961B73FD", "Arn"]}


def deployed(aws: Aws, stack: str, template: dict[str, Any] | None = None) -> None:
    """Makes the stack have this template; None: it is not there."""
    if template is None:
        aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
        return
    described = {"StackName": stack, "StackStatus": "UPDATE_COMPLETE", "CreationTime": 0}
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [described]}, {"StackName": stack})
    original = {"StackName": stack, "TemplateStage": "Original"}
    aws("cloudformation").add_response("get_template", {"TemplateBody": json.dumps(template)}, original)


def storage(key: Any) -> dict[str, Any]:
    """The storage stack's template, as far as keys are in it."""
    return {
        "Resources": {
            name: {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": by}]}
                },
            }
            for name, by in (
                ("AccessLog", {"SSEAlgorithm": "AES256"}),
                ("Bucket", {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}),
            )
        }
    }


def with_key(aws: Aws, *services: str, **described: str) -> Target:
    """A first deploy with a key whose policy lets these services use it."""
    deployed(aws, "slipway-dev-storage")
    statements = [{"Effect": "Allow", "Principal": {"Service": service}} for service in services]
    aws("kms").add_response("describe_key", {"KeyMetadata": USABLE | described}, {"KeyId": KEY})
    aws("kms").add_response(
        "get_key_policy", {"Policy": json.dumps({"Statement": statements})}, {"KeyId": KEY, "PolicyName": "default"}
    )
    return target(existing_key_arn=KEY)


def test_a_key_of_this_account_and_region_is_right(aws: Aws) -> None:
    deployed(aws, "slipway-dev-storage")
    assert existing_key(target()) == "the deploy makes a key"
    assert existing_key(with_key(aws, *TOPIC_PUBLISHERS)) == f"{KEY} is enabled, and alarms may use it"


def test_a_key_that_alarms_may_not_use_is_refused(aws: Aws) -> None:
    """ "Why didn't I receive an SNS notification for my CloudWatch alarm trigger?", AWS re:Post."""
    with pytest.raises(NotReady, match=r"does not let budgets.amazonaws.com use it, so alarms would not arrive"):
        existing_key(with_key(aws, "cloudwatch.amazonaws.com"))


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        (KEY.replace("eu-west-1", "us-east-1"), "is a key of us-east-1, and a key encrypts in its own region only"),
        (KEY.replace(ACCOUNT, "999999999999"), f"is a key of account 999999999999, this one is {ACCOUNT}"),
    ],
)
def test_a_key_of_another_region_or_account_is_refused_without_asking_kms(aws: Aws, arn: str, said: str) -> None:
    deployed(aws, "slipway-dev-storage")
    with pytest.raises(NotReady, match=said):
        existing_key(target(existing_key_arn=arn))


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"KeyState": "PendingDeletion"}, "is in state PendingDeletion: enable it in KMS"),
        ({"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}, "is for SIGN_VERIFY with RSA_2048, not a symmetric one"),
    ],
)
def test_a_key_that_cannot_encrypt_is_refused(aws: Aws, described: dict[str, str], said: str) -> None:
    with pytest.raises(NotReady, match=said):
        existing_key(with_key(aws, **described))


def test_a_key_that_is_not_there_is_refused(aws: Aws) -> None:
    deployed(aws, "slipway-dev-storage")
    aws("kms").add_client_error("describe_key", "NotFoundException")
    with pytest.raises(NotReady, match=f"there is no key {KEY}"):
        existing_key(target(existing_key_arn=KEY))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (OWN, KEY, "the key that the deploy made, .* on a deployed stage: leave it empty, or deploy another stage"),
        (KEY, "", f"encrypted with {KEY}, .* on a deployed stage: leave it {KEY}, or deploy another stage"),
        (KEY, KEY.replace("1234", "5678"), f"encrypted with {KEY}, .* leave it {KEY}, or"),
    ],
)
def test_a_deployed_stage_keeps_its_key(aws: Aws, before: Any, now: str, said: str) -> None:
    """Objects stay under the key that they were written with, which the changed roles could not use any more:
    "Setting default server-side encryption behavior for Amazon S3 buckets", S3 user guide."""
    deployed(aws, "slipway-dev-storage", storage(before))
    with pytest.raises(NotReady, match=said):
        existing_key(target(existing_key_arn=now))
    deployed(aws, "slipway-dev-storage", storage(OWN))
    assert existing_key(target()) == "the deploy makes a key"


@pytest.mark.parametrize(("before", "now"), [(None, "/teams/"), ("/teams/", "/"), ("/teams/", "/teams/vision/")])
def test_a_deployed_stage_keeps_the_path_of_its_roles(aws: Aws, before: str | None, now: str) -> None:
    """ "AWS::IAM::Role", CloudFormation template reference: another path needs a replacement, and a role with a name
    cannot be replaced."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"Path": before} if before else {}}
    was = before or "/"
    deployed(aws, "slipway-dev-roles", {"Resources": {"Role": role}})
    with pytest.raises(NotReady, match=f"roles are at {was}. role_path cannot change .*: leave it {was}, or deploy"):
        role_path(target(role_path=now))
    deployed(aws, "slipway-dev-roles", {"Resources": {"Role": role}})
    assert role_path(target(role_path=was)) == f"roles are at {was}"
    deployed(aws, "slipway-dev-roles")
    assert role_path(target(role_path=now)) == f"roles are at {now}"


def bounded(tmp_path: Path, **boundaries: Any) -> Target:
    """A deploy of one role that may read one object, with this property."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}
    role = {
        "RoleName": "reader",
        "AssumeRolePolicyDocument": {"Statement": []},
        "Policies": [{"PolicyName": "permissions", "PolicyDocument": {"Statement": [statement]}}],
        **boundaries,
    }
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}}
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "roles.json"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"slipway-dev-roles": stack}}))
    (tmp_path / "roles.json").write_text(json.dumps(template))
    asked = target()
    return Target(asked.settings, asked.account, asked.region, lambda: SynthesizedApp(tmp_path, []))


def answer(aws: Aws, *statements: dict[str, Any]) -> None:
    policy = {"Policy": {"Arn": BOUNDARY, "DefaultVersionId": "v7"}}
    version = {"PolicyVersion": {"Document": json.dumps({"Statement": list(statements)})}}
    aws("iam").add_response("get_policy", policy, {"PolicyArn": BOUNDARY})
    aws("iam").add_response("get_policy_version", version, {"PolicyArn": BOUNDARY, "VersionId": "v7"})


def test_a_boundary_that_allows_what_the_role_needs_is_right(aws: Aws, tmp_path: Path) -> None:
    assert boundary(bounded(tmp_path)) == "roles have no permissions boundary"
    answer(aws, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    assert boundary(bounded(tmp_path, PermissionsBoundary=BOUNDARY)) == f"{BOUNDARY} allows what the roles need"


def test_one_that_denies_what_a_role_needs_is_named_with_role_and_action(aws: Aws, tmp_path: Path) -> None:
    answer(aws, {"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
    with pytest.raises(
        NotReady, match=rf"{BOUNDARY} denies role reader s3:GetObject on arn:aws:s3:::data/\*: allow it"
    ):
        boundary(bounded(tmp_path, PermissionsBoundary=BOUNDARY))


def test_one_that_is_not_there_is_named(aws: Aws, tmp_path: Path) -> None:
    aws("iam").add_client_error("get_policy", "NoSuchEntity")
    with pytest.raises(NotReady, match=f"there is no policy {BOUNDARY}"):
        boundary(bounded(tmp_path, PermissionsBoundary=BOUNDARY))
