"""Role of the notebook: runs its own jobs and endpoint under its prefix, and can change nothing that is live.

It writes no object and changes no other endpoint: a model would go live past the accuracy floor. It passes one role,
that of its trials, and to containers without a network alone: a program with a network could use the role itself.
"""

from typing import get_args

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.log_groups import NOTEBOOK_INSTANCES, TRAINING_JOBS
from settings import names
from stacks.notebook_files import NotebookFiles
from stacks.permissions.statements import (
    SAGEMAKER,
    Bucket,
    allow,
    arn,
    bucket_arn,
    isolated,
    key_for_volumes,
    key_of_asset,
    key_through_s3,
    log_group_arns,
    make_role,
    pass_to_sagemaker,
    tag_new,
    training_jobs,
    trusted_service,
    tuning_jobs,
)


def notebook_role(
    scope: Construct,
    *,
    prefix: str,
    role_path: str,
    bucket: Bucket,
    files: NotebookFiles,
    trial: iam.Role,
) -> iam.Role:
    """Run jobs and an endpoint with the role `trial`, describe the rest."""
    instance = names.resource_name(prefix, "notebook")
    return make_role(
        scope,
        "notebook",
        prefix=prefix,
        description="Notebook instance: tries jobs and an endpoint of its own, looks at the rest",
        # No page of AWS says which source a notebook instance names; who may pass the role is what limits its use.
        trusted=trusted_service(SAGEMAKER, arn("sagemaker", "*")),
        statements=[
            *_start_and_stop(instance, files),
            *_see_deployed(prefix, role_path, bucket),
            *_try(prefix),
            pass_to_sagemaker("PassTrialRole", trial),
            key_for_volumes(bucket),
            *_look_at_own(prefix),
        ],
    )


def _start_and_stop(name: str, files: NotebookFiles) -> list[iam.PolicyStatement]:
    """Start and stop the instance, whose script runs with the notebook's role."""
    streams = arn("logs", f"log-group:{NOTEBOOK_INSTANCES}:log-stream:{name}/*")
    return [
        allow("ReadFiles", ["s3:GetObject"], [f"{bucket_arn(files.bucket_name)}/{files.key}"]),
        key_of_asset(files.bucket_name, files.key),
        allow("StopItself", ["sagemaker:StopNotebookInstance"], [arn("sagemaker", f"notebook-instance/{name}")]),
        allow("OpenOwnLog", ["logs:CreateLogGroup"], log_group_arns(NOTEBOOK_INSTANCES)),
        allow("WriteOwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
    ]


def _see_deployed(prefix: str, role_path: str, bucket: Bucket) -> list[iam.PolicyStatement]:
    """Describe what is deployed: names, the live model's job, endpoint, container and scaling."""
    jobs, endpoints = training_jobs(names.job_prefix(prefix)), names.endpoint_name_pattern(prefix)
    scaling = [f"application-autoscaling:Describe{what}" for what in ("ScalableTargets", "ScalingPolicies")]
    return [
        allow("SeeStacks", ["cloudformation:DescribeStacks"], [arn("cloudformation", f"stack/{prefix}-*/*")]),
        allow("SeeResult", ["s3:GetObject"], [f"{bucket.arn}/{names.result_key('*')}"]),
        key_through_s3(bucket, "UseKeyForResult", ["kms:Decrypt"]),
        allow("SeeJobs", ["sagemaker:DescribeTrainingJob"], [jobs]),
        allow("SeeEndpoints", ["sagemaker:DescribeEndpoint"], [arn("sagemaker", f"endpoint/{endpoints}")]),
        # CloudFormation generates the names of these two.
        allow("SeeConfigs", ["sagemaker:DescribeEndpointConfig"], [arn("sagemaker", "endpoint-config/*")]),
        allow("SeeModels", ["sagemaker:DescribeModel"], [arn("sagemaker", "model/*")]),
        allow("SeeScaling", scaling, ["*"]),
        allow("SeeRoles", ["iam:ListRolePolicies", "iam:GetRolePolicy"], _roles_by_name(prefix, role_path)),
    ]


def _roles_by_name(prefix: str, path: str) -> list[str]:
    roles = [names.role_name(prefix, suffix, Aws.REGION) for suffix in get_args(names.RoleSuffix)]
    return [f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role{path}{role}" for role in roles]


def _try(prefix: str) -> list[iam.PolicyStatement]:
    """Create the notebook's own jobs, models and one endpoint."""
    own = names.notebook_prefix(prefix)
    training, tuning = training_jobs(own), tuning_jobs(own)
    model, config = arn("sagemaker", f"model/{own}*"), arn("sagemaker", f"endpoint-config/{own}*")
    endpoint = _own_endpoint(prefix)
    kinds = {
        "TrainingJob": training,
        "HyperParameterTuningJob": tuning,
        "Model": model,
        "EndpointConfig": config,
        "Endpoint": endpoint,
    }
    return [
        allow("Train", ["sagemaker:CreateTrainingJob"], [training], isolated()),
        allow("StopTraining", ["sagemaker:StopTrainingJob"], [training]),
        allow("Tune", ["sagemaker:CreateHyperParameterTuningJob"], [tuning], isolated()),
        allow(
            "FollowTuning",
            [
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "sagemaker:StopHyperParameterTuningJob",
            ],
            [tuning],
        ),
        allow("MakeModel", ["sagemaker:CreateModel"], [model], isolated()),
        allow("RemoveModel", ["sagemaker:DeleteModel"], [model]),
        allow("MakeConfig", ["sagemaker:CreateEndpointConfig", "sagemaker:DeleteEndpointConfig"], [config]),
        # SageMaker asks for both, the endpoint and what it is made from.
        allow("MakeEndpoint", ["sagemaker:CreateEndpoint"], [endpoint, config]),
        allow("RemoveEndpoint", ["sagemaker:DeleteEndpoint"], [endpoint]),
        *(tag_new(f"TagNew{kind}", kind, made) for kind, made in kinds.items()),
    ]


def _look_at_own(prefix: str) -> list[iam.PolicyStatement]:
    """Read the log of its own jobs; invoke its own endpoint and the deployed function."""
    lines = arn("logs", f"log-group:{TRAINING_JOBS}:log-stream:{names.notebook_prefix(prefix)}*")
    function = f"{names.resource_name(prefix, 'classify')}:{names.ALIAS}"
    return [
        allow("ReadJobLog", ["logs:DescribeLogStreams"], log_group_arns(TRAINING_JOBS)),
        allow("ReadJobLines", ["logs:GetLogEvents"], [lines]),
        allow("AskEndpoint", ["sagemaker:InvokeEndpoint"], [_own_endpoint(prefix)]),
        allow("AskFunction", ["lambda:InvokeFunction"], [arn("lambda", f"function:{function}")]),
    ]


def _own_endpoint(prefix: str) -> str:
    return arn("sagemaker", f"endpoint/{names.notebook_endpoint_name(prefix)}")
