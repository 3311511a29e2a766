"""Role that SageMaker uses for what the notebook tries: its jobs, and its endpoint.

It writes under the notebook's own prefix alone, so that nothing a trial does can go live. Only the notebook passes it.
"""

from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.containers import Container
from aws.log_groups import ENDPOINTS, TRAINING_JOBS, endpoint_log_group
from settings import Settings, names
from stacks.permissions.statements import (
    SAGEMAKER,
    Bucket,
    allow,
    arn,
    image_pull,
    make_role,
    metrics,
    prepare_jobs,
    serving_repository,
    trusted_service,
    write_log,
)
from stacks.permissions.training import training_repository
from stacks.training_program import TrainingProgram


def notebook_trial_role(
    scope: Construct, *, settings: Settings, bucket: Bucket, program: TrainingProgram, image: Container
) -> iam.Role:
    """Read one data set, weights and program, write and read the notebook's own models, write logs and metrics."""
    prefix = settings.prefix
    own = names.notebook_prefix(prefix)
    return make_role(
        scope,
        "notebook-trial",
        prefix=prefix,
        description="SageMaker jobs and endpoint of the notebook: read one data set, write under its own prefix",
        # AWS documents this form for inference; the same role is for the jobs.
        trusted=trusted_service(SAGEMAKER, arn("sagemaker", "*")),
        statements=[
            *prepare_jobs(own, settings=settings, bucket=bucket, program=program),
            allow("ReadOwnModels", ["s3:GetObject"], [f"{bucket.arn}/{names.job_artifact(own + '*')}"]),
            *write_log((TRAINING_JOBS, f"{own}*"), (endpoint_log_group(names.notebook_endpoint_name(prefix)), "*")),
            metrics(TRAINING_JOBS, ENDPOINTS),
            *image_pull(training_repository(image), serving_repository(scope, settings)),
        ],
    )
