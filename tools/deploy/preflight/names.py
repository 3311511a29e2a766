"""Names that the deploy needs and that something else has: the buckets that a removal kept."""

import boto3
from botocore.exceptions import ClientError

from settings.names import access_log_bucket, bucket_name, resource_name
from tools.deploy.preflight.target import Target
from tools.deployment import deployment
from tools.preflight import NotReady
from tools.stack import describe

_WITHOUT_RESOURCES = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")


def free_names(target: Target) -> str:
    """The buckets are the deployed stack's, or free."""
    settings, stack = target.settings, resource_name(target.settings.prefix, "storage")
    if is_deployed(stack):
        return f"{stack} is deployed"
    bucket = bucket_name(settings.prefix, target.account, target.region)
    if taken := [name for name in (bucket, access_log_bucket(bucket)) if _exists(name)]:
        raise NotReady(
            f"an earlier removal of stage {settings.stage} kept bucket {' and bucket '.join(taken)}: deploy another "
            "stage, SETTINGS=stage=…, or remove its images and models too, "
            f"make destroy{deployment(settings, 'keep_data=false')}"
        )
    return f"no bucket {bucket} yet"


def is_deployed(stack: str) -> bool:
    """True if the stack has resources."""
    described = describe(stack)
    return described is not None and described["StackStatus"] not in _WITHOUT_RESOURCES


def _exists(bucket: str) -> bool:
    try:
        boto3.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True
