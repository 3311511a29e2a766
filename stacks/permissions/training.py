"""Role that SageMaker uses for a training job."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.containers import training_container
from aws.log_groups import TRAINING_JOBS
from settings import Settings, names
from stacks.permissions.statements import (
    SAGEMAKER,
    Bucket,
    allow,
    bucket_arn,
    image_pull,
    key_for_volumes,
    key_of_asset,
    key_through_s3,
    list_weights,
    make_role,
    metrics,
    prefixes,
    read_weights,
    training_jobs,
    trusted_service,
    tuning_jobs,
    write_log,
)
from stacks.registry_account import registry_account
from stacks.training_program import TrainingProgram


def training_role(scope: Construct, *, settings: Settings, bucket: Bucket, program: TrainingProgram) -> iam.Role:
    """Read data, weights, program and container image; write model, logs and metrics."""
    prefix, data = settings.prefix, f"{names.data_folder(settings.dataset)}*"
    start = names.job_prefix(prefix)
    tunes = settings.tuning_max_jobs > 0 or settings.notebook
    program_bucket = bucket_arn(program.bucket_name)
    image = training_container(registry_account(scope, settings), settings.training_instance)
    return make_role(
        scope,
        "training",
        prefix=prefix,
        description="SageMaker training jobs: read one data set and the program, write under jobs/",
        trusted=trusted_service(SAGEMAKER, training_jobs(start), *([tuning_jobs(start)] if tunes else [])),
        statements=[
            # A channel is a prefix: SageMaker lists it, then fetches each object. One data set, no other.
            allow("ListData", ["s3:ListBucket"], [bucket.arn], prefixes(data)),
            allow("ReadData", ["s3:GetObject"], [f"{bucket.arn}/{data}"]),
            # The program is a channel of one object.
            allow("ListProgram", ["s3:ListBucket"], [program_bucket], prefixes(program.key)),
            allow("ReadProgram", ["s3:GetObject"], [f"{program_bucket}/{program.key}"]),
            key_of_asset(program.bucket_name, program.key),
            *list_weights(bucket, settings.weights),
            *read_weights(bucket, settings.weights),
            # Not all of jobs/: jobs/waiting/ says who waits for which job, and a job has no say in that.
            allow("WriteJobs", ["s3:PutObject"], [f"{bucket.arn}/{names.JOBS}/{start}*"]),
            # Images are read and models written under the key.
            key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
            # The request names the key for the output. "OutputDataConfig", SageMaker API reference, asks for it without
            # a condition: it does not say that SageMaker calls KMS through S3.
            allow("EncryptOutput", ["kms:Encrypt"], [bucket.key]),
            key_for_volumes(bucket),
            # All jobs of an account share one group, which the first of them creates; one stream an
            # instance, of this system's jobs alone.
            *write_log(TRAINING_JOBS, f"{start}*"),
            metrics(TRAINING_JOBS),
            *image_pull(image.repository, account=image.account),
            *(_checkpoints(bucket) if settings.spot else []),
        ],
    )


def _checkpoints(bucket: Bucket) -> list[iam.PolicyStatement]:
    """Write a spot job's checkpoint to S3 while it runs, read it before the job resumes."""
    objects = f"{bucket.arn}/{names.CHECKPOINTS}/*"
    return [
        allow("FindCheckpoint", ["s3:ListBucket"], [bucket.arn], prefixes(f"{names.CHECKPOINTS}/*")),
        allow("KeepCheckpoint", ["s3:GetObject", "s3:PutObject"], [objects]),
    ]
