"""Role that SageMaker uses for an endpoint."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.log_groups import ENDPOINTS, endpoint_log_group
from settings import Settings, names
from stacks.permissions.statements import (
    SAGEMAKER,
    Bucket,
    allow,
    arn,
    image_pull,
    jobs_interfaces,
    key_for_volumes,
    key_through_s3,
    make_role,
    metrics,
    serving_repository,
    trusted_service,
    write_log,
)


def hosting_role(scope: Construct, *, settings: Settings, bucket: Bucket) -> iam.Role:
    """Read model and container image, watch alarms, write logs and metrics."""
    prefix, captures = settings.prefix, settings.endpoint_data_capture_percent > 0
    endpoints = names.endpoint_name_pattern(prefix)
    use = ["kms:Decrypt", "kms:GenerateDataKey"] if captures else ["kms:Decrypt"]
    return make_role(
        scope,
        "hosting",
        prefix=prefix,
        description="SageMaker endpoint: read under models/",
        # AWS documents this form for inference: a model is pulled on behalf of more than one resource
        # type.
        trusted=trusted_service(SAGEMAKER, arn("sagemaker", "*")),
        statements=[
            # Any model: during an update and its roll-back the old and the new one are read by the same role.
            allow("ReadModels", ["s3:GetObject"], [f"{bucket.arn}/{names.MODELS}/*"]),
            # Models are read only, so the key is for reading only; captured calls are written.
            key_through_s3(bucket, "UseKeyForObjects", use),
            *(_capture(bucket) if captures else []),
            # Asked while an update shifts calls; each configuration of the endpoint has alarms of its own.
            allow("WatchAlarms", ["cloudwatch:DescribeAlarms"], [arn("cloudwatch", f"alarm:{endpoints}-*")]),
            key_for_volumes(bucket),
            # The endpoint's own group. SageMaker names the streams, after variant and instance.
            *write_log((endpoint_log_group(endpoints), "*")),
            metrics(ENDPOINTS),
            *image_pull(serving_repository(scope, settings)),
            *jobs_interfaces(settings),
        ],
    )


def _capture(bucket: Bucket) -> list[iam.PolicyStatement]:
    """Write captured calls, which the role cannot read."""
    return [allow("KeepCalls", ["s3:PutObject"], [f"{bucket.arn}/{names.CAPTURE}/*"])]
