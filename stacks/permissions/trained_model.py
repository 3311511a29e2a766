"""Role of the function behind the custom resources TrainedModel and LiveEndpoint."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from settings import Settings, names
from stacks.permissions.statements import (
    Bucket,
    allow,
    arn,
    functions_interfaces,
    key_for_volumes,
    key_through_s3,
    make_role,
    own_log,
    pass_to_sagemaker,
    prefixes,
    run_jobs,
    training_jobs,
    trusted_service,
    tuning_jobs,
)


def trained_model_role(scope: Construct, *, settings: Settings, bucket: Bucket, training: iam.Role) -> iam.Role:
    """Run jobs with the role `training`, keep the model of a job that is good enough, see what is live."""
    endpoints = names.endpoint_name_pattern(settings.prefix)
    prefix, waiting, artifacts = settings.prefix, f"{names.WAITING}/*", names.job_artifact("*")
    models, manifest = f"{names.MODELS}/*", names.data_manifest(settings.dataset)
    return make_role(
        scope,
        "trained-model",
        prefix=prefix,
        description="Lambda: starts training jobs and keeps the models that are good enough",
        trusted=trusted_service("lambda.amazonaws.com"),
        statements=[
            *_jobs(names.job_prefix(prefix), tuned=settings.tuning_max_jobs > 0),
            # The one role, to the one service: otherwise the function could lend itself any role.
            pass_to_sagemaker("PassTrainingRole", training),
            # After the endpoint's update: is what was intended live?
            allow("SeeLive", ["sagemaker:DescribeEndpoint"], [arn("sagemaker", f"endpoint/{endpoints}")]),
            # Listing tells "not there" from "not allowed"; a data set is only looked up, never read.
            allow(
                "LookUp",
                ["s3:ListBucket"],
                [bucket.arn],
                prefixes(manifest, waiting, artifacts, models),
            ),
            # It copies a job's model without changing it, and reads only its own notes again.
            allow("ReadJobsModel", ["s3:GetObject"], [f"{bucket.arn}/{artifacts}"]),
            allow("KeepModel", ["s3:PutObject"], [f"{bucket.arn}/{models}"]),
            allow("ReadResult", ["s3:GetObject"], [f"{bucket.arn}/{names.result_key('*')}"]),
            allow("NoteWhoWaits", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{bucket.arn}/{waiting}"]),
            # Everything it reads and writes lies in the encrypted bucket.
            key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
            # Required of the caller too, when a job's volume is encrypted with a key of ours.
            key_for_volumes(bucket),
            own_log(names.resource_name(prefix, "trained-model")),
            *functions_interfaces(settings),
        ],
    )


def _jobs(start: str, *, tuned: bool) -> list[iam.PolicyStatement]:
    if not tuned:
        return run_jobs("TrainingJob", training_jobs(start))
    # A tuning job starts its training jobs itself; only the best one has its score.
    see_best = allow("SeeBestJob", ["sagemaker:DescribeTrainingJob"], [training_jobs(start)])
    return [*run_jobs("HyperParameterTuningJob", tuning_jobs(start)), see_best]
