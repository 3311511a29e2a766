"""Roles, keys and statuses of jobs and notebook instances where AWS's documents leave them open."""

import json
import secrets
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import doubts
from local_aws.home import ACCOUNT, DEFAULT_REGION
from local_aws.sagemaker import job as job_module
from local_aws.sagemaker import tuning_job
from tests.local_aws.conftest import ended, make_role
from tests.local_aws.doubts.conftest import Answering
from tests.local_aws.sagemaker.test_tuning_jobs import config, definition, wait_for_end

SAGEMAKER = f"arn:aws:sagemaker:{DEFAULT_REGION}:{ACCOUNT}"


def role_for(aws: Answering, *sources: str, may: tuple[dict[str, Any], ...] = ()) -> str:
    """ARN of a role that SageMaker may assume for these sources, and that may train."""
    name = f"role-{secrets.token_hex(4)}"
    everything = {"Action": ["s3:*", "logs:*", "kms:GenerateDataKey"], "Resource": "*"}
    arn = make_role(aws.client, name, "sagemaker.amazonaws.com", everything, *may)
    [trust] = aws.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    trust["Condition"] = {"ArnLike": {"aws:SourceArn": list(sources)}}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    aws.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    return arn


@pytest.mark.parametrize(
    "condition", [{}, {"Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}}]
)
def test_kms_encrypt_for_a_job_s_output_is_asked_through_s3_or_not(aws: Answering, condition: dict[str, Any]) -> None:
    """KmsKeyId of "OutputDataConfig", SageMaker API reference."""
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    encrypt = {"Action": "kms:Encrypt", "Resource": key, **condition}
    role = role_for(aws, f"{SAGEMAKER}:training-job/*", may=(encrypt,))
    output = {"S3OutputPath": f"s3://{aws.bucket()}/jobs/", "KmsKeyId": key}

    job = ended(aws.client, aws.train(RoleArn=role, OutputDataConfig=output))

    refused = aws.other and condition
    assert job["TrainingJobStatus"] == ("Failed" if refused else "Completed"), job.get("FailureReason")
    assert ("kms:Encrypt" in job.get("FailureReason", "")) == bool(refused)


@pytest.mark.parametrize(
    "trusted", [("hyper-parameter-tuning-job/*",), ("hyper-parameter-tuning-job/*", "training-job/*")]
)
def test_the_training_jobs_of_a_tuning_job_name_themselves_or_the_tuning_job(
    aws: Answering, trusted: tuple[str, ...]
) -> None:
    """ "Cross-service confused deputy prevention", SageMaker developer guide."""
    role = role_for(aws, *(f"{SAGEMAKER}:{source}" for source in trusted))
    name, bucket = f"tune-{secrets.token_hex(4)}", aws.bucket()
    program = "def main(): print('validation:accuracy=0.5')"
    aws.client("s3").put_object(Bucket=bucket, Key=f"{name}/program.py", Body=program.encode())
    aws.client("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=config(1, 1),
        TrainingJobDefinition=definition(role, bucket, f"s3://{bucket}/{name}/", "program"),
    )

    job = wait_for_end(aws.client, name)

    served = aws.other or len(trusted) == 2
    assert job["HyperParameterTuningJobStatus"] == ("Completed" if served else "Failed"), job.get("FailureReason")


def test_a_notebook_instance_names_itself_or_another_resource_of_sagemaker_s(aws: Answering) -> None:
    """ "Cross-service confused deputy prevention", SageMaker developer guide."""
    any_source, own = role_for(aws, f"{SAGEMAKER}:*"), role_for(aws, f"{SAGEMAKER}:notebook-instance/*")
    sagemaker = aws.client("sagemaker")

    sagemaker.create_notebook_instance(NotebookInstanceName="open", InstanceType="ml.t3.medium", RoleArn=any_source)
    narrow = {"NotebookInstanceName": "narrow", "InstanceType": "ml.t3.medium", "RoleArn": own}
    if aws.other:
        with pytest.raises(ClientError, match="Could not assume role"):
            sagemaker.create_notebook_instance(**narrow)
    else:
        sagemaker.create_notebook_instance(**narrow)


@pytest.mark.parametrize("trained", ["Completed", "Stopped"])
@pytest.mark.parametrize(("answers", "status"), [("", "Stopped"), ("tuning-limit-completes", "Completed")])
def test_a_tuning_job_at_its_time_limit_is_stopped_or_completed_whatever_its_training_jobs_came_to(
    monkeypatch: pytest.MonkeyPatch, answers: str, status: str, trained: str
) -> None:
    """MaxRuntimeInSeconds of "ResourceLimits", SageMaker API reference. The limit is two minutes at least there."""
    monkeypatch.setenv(doubts.VARIABLE, answers)
    monkeypatch.setattr(tuning_job, "execution_role", lambda *_: None)
    monkeypatch.setattr(job_module, "announce", lambda *_, **__: None)
    monkeypatch.setattr(job_module, "spawn_background", lambda run, **_: run())
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 0}
    request = {
        "HyperParameterTuningJobName": "limited",
        "HyperParameterTuningJobConfig": config(2, ResourceLimits=limits),
        "TrainingJobDefinition": definition("role", "bucket", "data", "program"),
    }
    launched: list[str] = []

    def launch(training: dict[str, Any]) -> Any:
        launched.append(training["TrainingJobName"])
        described = {"TrainingJobStatus": trained}
        ended = {"status": trained, "values": lambda _: [0.5], "describe": lambda: described, "stop": lambda: None}
        return SimpleNamespace(**ended)

    job = tuning_job.TuningJob(request, "arn", launch)
    job._start_training()  # one that ends before the limit
    job.start()

    assert (job.status, len(launched)) == (status, 1), job.describe().get("FailureReason")
