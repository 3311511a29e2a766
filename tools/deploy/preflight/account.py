"""A company's account has a key, a path of roles and a permissions boundary that are to be used: all are checked."""

import json
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.pseudo_parameters import fill
from iam import template
from iam.boundary import denied
from iam.policy import listed
from settings.names import StackSuffix, resource_name
from tools.deploy.preflight.names import is_deployed
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady
from tools.stack import resources

TOPIC_PUBLISHERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")
_ANOTHER = "name another one under @aws-cdk/core:permissionsBoundary in cdk.json"
_USE = "SETTINGS=existing_key_arn=… names another one"


def existing_key(target: Target) -> str:
    """The key exists in the account and region of the deploy, is enabled, and encrypts; a deployed stage keeps its key.

    Source: "KeyMetadata", KMS API reference.
    """
    arn = target.settings.existing_key_arn
    deployed = _deployed_key(target)
    if deployed is not None and deployed != arn:
        raise NotReady(
            f"what is stored is encrypted with {deployed or 'the key that the deploy made'}, which the roles would no "
            f"longer use. existing_key_arn cannot change on a deployed stage: {_keep(deployed)}"
        )
    if not arn:
        return "the deploy makes a key"
    _, _, _, region, account, _ = arn.split(":")
    if region != target.region:
        raise NotReady(f"{arn} is a key of {region}, and a key encrypts in its own region only: {_USE}")
    if account != target.account:
        raise NotReady(f"{arn} is a key of account {account}, this one is {target.account}: {_USE}")
    try:
        key = boto3.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        raise NotReady(f"there is no key {arn}: {_USE}") from error
    if key["KeyState"] != "Enabled":
        raise NotReady(f"{arn} is in state {key['KeyState']}: enable it in KMS, or {_USE}")
    if key["KeySpec"] != "SYMMETRIC_DEFAULT" or key["KeyUsage"] != "ENCRYPT_DECRYPT":
        raise NotReady(f"{arn} is for {key['KeyUsage']} with {key['KeySpec']}, not a symmetric one to encrypt: {_USE}")
    policy = json.loads(boto3.client("kms").get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    users = json.dumps([statement.get("Principal") for statement in listed(policy["Statement"])])
    if missing := [service for service in TOPIC_PUBLISHERS if f'"{service}"' not in users]:
        raise NotReady(
            f"the policy of {arn} does not let {' and '.join(missing)} use it, so alarms would not arrive: add the "
            'statements in docs/permissions.md, "A company\'s account"'
        )
    return f"{arn} is enabled, and alarms may use it"


def role_path(target: Target) -> str:
    """A deployed stage keeps the path of its roles: CloudFormation replaces no resource whose name is given.

    Source: "AWS::IAM::Role", `Path`, CloudFormation template reference.
    """
    path = target.settings.role_path
    for role in resources(_deployed(target, "roles"), "AWS::IAM::Role").values():
        if (has := role.get("Path", "/")) != path:
            raise NotReady(f"roles are at {has}. role_path cannot change on a deployed stage: {_keep(has)}")
    return f"roles are at {path}"


def _deployed_key(target: Target) -> str | None:
    """ARN of the given key that encrypts the deployed bucket, empty for the deploy's own; None without a bucket."""
    for bucket in resources(_deployed(target, "storage"), "AWS::S3::Bucket").values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        if key := rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID"):  # the access log has none
            return key if isinstance(key, str) else ""
    return None


def _deployed(target: Target, suffix: StackSuffix) -> dict[str, Any]:
    """Template of the deployed stack; one without resources if there is none."""
    stack = resource_name(target.settings.prefix, suffix)
    if not is_deployed(stack):
        return {"Resources": {}}
    return dict(boto3.client("cloudformation").get_template(StackName=stack, TemplateStage="Original")["TemplateBody"])


def _keep(value: str) -> str:
    return f"leave it {value or 'empty'}, or deploy another stage, SETTINGS=stage=…"


def boundary(target: Target) -> str:
    """The permissions boundary that the CDK gives to the roles exists, and denies nothing that a role certainly needs.

    Source: "GetPolicyVersion", IAM API reference.
    """
    app = template.read(template.load(target.assembly().folder))
    partition = boto3.Session().get_partition_for_region(target.region)
    here = partial(fill, Partition=partition, AccountId=target.account, Region=target.region)
    problems: list[str] = []
    documents: dict[str, dict[str, Any]] = {}
    for role in app.roles:
        resource = app.templates[role.stack]["Resources"][role.logical_id]
        if limit := resource["Properties"].get("PermissionsBoundary"):
            arn = here(app.resolver.text(limit, role.stack))
            if arn not in documents:
                documents[arn] = _document(arn)
            denials = [str(grant) for grant in denied(role.renamed(here).grants, documents[arn])]
            if denials:
                more = f", and {len(denials) - 1} more" if len(denials) > 1 else ""
                problems.append(
                    f"the permissions boundary {arn} denies role {here(role.name)} {denials[0]}{more}: allow it in the "
                    f"boundary, or {_ANOTHER}"
                )
    if problems:
        raise NotReady(problems)
    return f"{', '.join(documents)} allows what the roles need" if documents else "roles have no permissions boundary"


def _document(arn: str) -> dict[str, Any]:
    client = boto3.client("iam")
    try:
        policy = client.get_policy(PolicyArn=arn)["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        raise NotReady(
            f"there is no policy {arn}, the roles' permissions boundary: create it, or {_ANOTHER}"
        ) from error
    version = client.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    return dict(version["PolicyVersion"]["Document"])
