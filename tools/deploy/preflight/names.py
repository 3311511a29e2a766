"""Names that the deploy needs and that something else has: buckets that a removal kept, roles of another region."""

import boto3
from botocore.exceptions import ClientError

from settings.names import access_log_bucket, bucket_name, resource_name
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady

_STAGE = "SETTINGS=stage=…"
_WITHOUT_RESOURCES = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")


def free_names(target: Target) -> str:
    """The buckets and roles are the deployed stacks', or free."""
    settings, stack = target.settings, resource_name(target.settings.prefix, "storage")
    role = resource_name(settings.prefix, "training")
    if not is_deployed(resource_name(settings.prefix, "permissions")) and _has_role(role):
        # Roles are the account's, and cannot follow the region in a stack that is there: others import their ARNs.
        raise NotReady(
            f"stage {settings.stage} has role {role} from another region: deploy another stage here, {_STAGE}"
        )
    if is_deployed(stack):
        return f"{stack} is deployed"
    bucket = bucket_name(settings.prefix, target.account, target.region)
    if taken := [name for name in (bucket, access_log_bucket(bucket)) if _exists(name)]:
        raise NotReady(
            f"an earlier removal of stage {settings.stage} kept bucket {' and bucket '.join(taken)}: deploy another "
            f"stage, {_STAGE}, or remove its images and models too, "
            f'make destroy SETTINGS="stage={settings.stage} keep_data=false"'
        )
    return f"no bucket {bucket} yet"


def is_deployed(stack: str) -> bool:
    """True if the stack has resources."""
    client = boto3.client("cloudformation")
    try:
        [described] = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":  # which CloudFormation answers for an unknown stack
            raise
        return False
    return described["StackStatus"] not in _WITHOUT_RESOURCES


def _exists(bucket: str) -> bool:
    try:
        boto3.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True


def _has_role(name: str) -> bool:
    client = boto3.client("iam")
    try:
        client.get_role(RoleName=name)
    except client.exceptions.NoSuchEntityException:
        return False
    return True
