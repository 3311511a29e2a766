"""Role of the function that answers callers."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from settings import Settings, names
from stacks.permissions.statements import (
    Bucket,
    allow,
    arn,
    functions_interfaces,
    key_through_s3,
    make_role,
    own_log,
    trusted_service,
)


def classify_role(scope: Construct, *, settings: Settings, bucket: Bucket) -> iam.Role:
    """Invoke the endpoint; read images from the folder `s3_images`, unless it is empty."""
    prefix, images = settings.prefix, settings.s3_images
    endpoints = names.endpoint_name_pattern(prefix)
    return make_role(
        scope,
        "classify",
        prefix=prefix,
        description="Lambda: classifies an image with the endpoint",
        trusted=trusted_service("lambda.amazonaws.com"),
        statements=[
            # Its name follows its instance type: while that changes, the old and the new endpoint answer.
            allow("Invoke", ["sagemaker:InvokeEndpoint"], [arn("sagemaker", f"endpoint/{endpoints}")]),
            *(_images(bucket, images) if images else []),
            own_log(names.resource_name(prefix, "classify")),
            *functions_interfaces(settings),
        ],
    )


def _images(bucket: Bucket, folder: str) -> list[iam.PolicyStatement]:
    """Read images that a caller names. The function may not list, so it cannot find others."""
    return [
        allow("ReadImages", ["s3:GetObject"], [f"{bucket.arn}/{folder}*"]),
        key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt"]),
    ]
