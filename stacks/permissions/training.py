"""Role that SageMaker uses for a training job."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.containers import Container
from aws.log_groups import TRAINING_JOBS
from settings import Settings, names
from stacks.permissions.statements import (
    SAGEMAKER,
    Bucket,
    allow,
    image_pull,
    jobs_interfaces,
    make_role,
    metrics,
    prefixes,
    prepare_jobs,
    repository_arn,
    training_jobs,
    trusted_service,
    tuning_jobs,
    write_log,
)
from stacks.training_program import TrainingProgram


def training_role(
    scope: Construct, *, settings: Settings, bucket: Bucket, program: TrainingProgram, image: Container
) -> iam.Role:
    """Read data, weights, program and container image; write model, logs and metrics."""
    start = names.job_prefix(settings.prefix)
    tunes = settings.tuning_max_jobs > 0
    return make_role(
        scope,
        "training",
        prefix=settings.prefix,
        description="SageMaker training jobs: read one data set and the program, write under jobs/",
        trusted=trusted_service(SAGEMAKER, training_jobs(start), *([tuning_jobs(start)] if tunes else [])),
        statements=[
            *prepare_jobs(start, settings=settings, bucket=bucket, program=program),
            # All jobs of an account share one group, which the first of them creates; one stream an
            # instance, of this system's jobs alone.
            *write_log((TRAINING_JOBS, f"{start}*")),
            metrics(TRAINING_JOBS),
            *image_pull(training_repository(image)),
            *(_checkpoints(bucket) if settings.spot else []),
            *jobs_interfaces(settings),
        ],
    )


def training_repository(image: Container) -> str:
    return repository_arn(image.repository, account=image.account)


def _checkpoints(bucket: Bucket) -> list[iam.PolicyStatement]:
    """Write a spot job's checkpoint to S3 while it runs, read it before the job resumes."""
    objects = f"{bucket.arn}/{names.CHECKPOINTS}/*"
    return [
        allow("FindCheckpoint", ["s3:ListBucket"], [bucket.arn], prefixes(f"{names.CHECKPOINTS}/*")),
        allow("KeepCheckpoint", ["s3:GetObject", "s3:PutObject"], [objects]),
    ]
