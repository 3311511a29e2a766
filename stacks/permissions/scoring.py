"""Role that SageMaker uses for a scoring job (`make score`)."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.log_groups import PROCESSING_JOBS
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
    prefixes,
    serving_repository,
    trusted_service,
    write_log,
)


def scoring_role(scope: Construct, *, settings: Settings, bucket: Bucket) -> iam.Role:
    """Read model, images and container image; write results, logs and metrics."""
    start = names.scoring_prefix(settings.prefix)
    images = [f"{names.DATA}/*", f"{names.scoring_input('*')}*"]
    if settings.s3_images:
        images.append(f"{settings.s3_images}*")
    return make_role(
        scope,
        "scoring",
        prefix=settings.prefix,
        description="SageMaker processing jobs: read the model and images, write under scores/",
        trusted=trusted_service(SAGEMAKER, arn("sagemaker", f"processing-job/{start}*")),
        statements=[
            # An input is a prefix: SageMaker lists it, then fetches each object.
            allow("ListInputs", ["s3:ListBucket"], [bucket.arn], prefixes(f"{names.MODELS}/*", *images)),
            allow("ReadModels", ["s3:GetObject"], [f"{bucket.arn}/{names.model_key('*')}"]),
            allow("ReadImages", ["s3:GetObject"], [f"{bucket.arn}/{each}" for each in images]),
            # Not the job's own input: nothing that a job writes is read by another.
            allow("WriteResults", ["s3:PutObject"], [f"{bucket.arn}/{names.scoring_results('*')}*"]),
            key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
            # The request names the key for the output, as a training job's does.
            allow("EncryptOutput", ["kms:Encrypt"], [bucket.key]),
            key_for_volumes(bucket),
            # All processing jobs of an account share one group, which the first of them creates; one stream an
            # instance, of this system's jobs alone.
            *write_log((PROCESSING_JOBS, f"{start}*")),
            metrics(PROCESSING_JOBS),
            *image_pull(serving_repository(scope, settings)),
            *jobs_interfaces(settings),
        ],
    )
