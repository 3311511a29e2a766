"""Services' actions as a role, and on a caller's behalf, are authorised like calls of that role or caller."""

import io
import json
import zipfile
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.calls import Call, read
from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tests.local_aws.conftest import Client, assume, ended, make_role

SAGEMAKER, LAMBDA = "sagemaker.amazonaws.com", "lambda.amazonaws.com"
FOR_AWS = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"
_numbers = count()

RunJob = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def key(client: Client) -> str:
    return str(client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def run_job(client: Client, bucket: str) -> RunJob:
    """Run a job as a role with additional `statements`; returns the job's description at its end."""

    def run(*statements: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        name = f"served-{next(_numbers)}"
        logs = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
        role = make_role(client, name, SAGEMAKER, {"Action": "s3:PutObject", "Resource": "*"}, logs, *statements)
        client("sagemaker").create_training_job(
            TrainingJobName=name,
            RoleArn=role,
            AlgorithmSpecification={
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python3", "-c", "print('accuracy=0.75')"],
                "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
            },
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/jobs/"},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
                **({"VolumeKmsKeyId": key} if key else {}),
            },
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        return ended(client, name)

    return run


def test_a_job_on_an_encrypted_volume_takes_a_grant_of_its_role(run_job: RunJob, key: str) -> None:
    without = run_job(key=key)
    assert without["TrainingJobStatus"] == "Failed"
    assert f"not authorized to perform: kms:CreateGrant on resource: {key}" in without["FailureReason"]

    granting = {"Action": "kms:CreateGrant", "Resource": key, "Condition": FOR_AWS}
    assert run_job(granting, key=key)["TrainingJobStatus"] == "Completed"


def test_an_endpoint_on_encrypted_volumes_takes_a_grant_of_its_caller(client: Client, home: Home, key: str) -> None:
    hosting = make_role(client, "sealed-hosting", SAGEMAKER)
    client("sagemaker").create_model(ModelName="sealed", ExecutionRoleArn=hosting, PrimaryContainer={"Image": "image"})
    variant = {"VariantName": "v", "ModelName": "sealed", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client("sagemaker").create_endpoint_config(EndpointConfigName="sealed", ProductionVariants=[variant], KmsKeyId=key)
    make_role(client, "endpoint-maker", SAGEMAKER, {"Action": "sagemaker:*", "Resource": "*"})

    with pytest.raises(ClientError, match=f"not authorized to perform: kms:CreateGrant on resource: {key}"):
        assume(client, home, "endpoint-maker")("sagemaker").create_endpoint(
            EndpointName="sealed", EndpointConfigName="sealed"
        )

    conditions = {
        "kms:GrantIsForAWSResource": "true",
        "kms:ViaService": f"sagemaker.{DEFAULT_REGION}.amazonaws.com",
    }
    assert Call("endpoint-maker", "kms:CreateGrant", key, False, conditions) in read(home.calls)


def test_an_endpoint_takes_its_configuration_too(client: Client, home: Home) -> None:
    endpoints = f"arn:aws:sagemaker:{DEFAULT_REGION}:{ACCOUNT}:endpoint/*"
    make_role(client, "half-maker", SAGEMAKER, {"Action": "sagemaker:CreateEndpoint", "Resource": endpoints})

    with pytest.raises(ClientError, match=r"sagemaker:CreateEndpoint on resource: .*:endpoint-config/any"):
        assume(client, home, "half-maker")("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="any")


def test_tags_of_something_new_take_a_right_of_their_own(client: Client, home: Home) -> None:
    make_role(client, "tagger", SAGEMAKER, {"Action": "sagemaker:CreateEndpointConfig", "Resource": "*"})
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}

    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:AddTags"):
        assume(client, home, "tagger")("sagemaker").create_endpoint_config(
            EndpointConfigName="tagged", ProductionVariants=[variant], Tags=[{"Key": "a", "Value": "b"}]
        )


def test_a_job_s_metrics_are_published_as_its_role(run_job: RunJob, home: Home) -> None:
    only = {"StringEquals": {"cloudwatch:namespace": TRAINING_LOG}}
    silent = run_job()
    publishing = run_job({"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": only})

    namespace = {"cloudwatch:namespace": TRAINING_LOG}
    for job, allowed in ((silent, False), (publishing, True)):
        assert job["FinalMetricDataList"][0]["Value"] == 0.75
        assert Call(job["TrainingJobName"], "cloudwatch:PutMetricData", "*", allowed, namespace) in read(home.calls)


def make_function(client: Client, role: str, name: str) -> Any:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): return event")
    return client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": code.getvalue()}
    )


@pytest.mark.parametrize("may_log", [True, False])
def test_a_function_logs_as_its_role(client: Client, may_log: bool) -> None:
    name = f"function-{next(_numbers)}"
    logs = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    make_function(client, make_role(client, name, LAMBDA, *([logs] if may_log else [])), name)

    answer = client("lambda").invoke(FunctionName=name, Payload=b'{"a": 1}')

    assert json.loads(answer["Payload"].read()) == {"a": 1}
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert len(groups) == int(may_log)


def test_a_function_does_not_run_as_a_role_that_does_not_trust_lambda(client: Client) -> None:
    make_function(client, make_role(client, "elsewhere", SAGEMAKER), "untrusted")

    answer = client("lambda").invoke(FunctionName="untrusted", Payload=b"{}")

    assert answer["FunctionError"], answer
    assert "Could not assume role" in answer["Payload"].read().decode()


def test_a_role_is_passed_to_a_function_and_to_a_rule_s_target(client: Client, home: Home) -> None:
    role = make_role(client, "lent", LAMBDA)
    make_role(client, "lender", SAGEMAKER, {"Action": ["lambda:*", "events:*"], "Resource": "*"})
    lender = assume(client, home, "lender")
    target = {"Id": "1", "Arn": f"arn:aws:sqs:{DEFAULT_REGION}:{ACCOUNT}:queue", "RoleArn": role}
    client("events").put_rule(Name="lending", ScheduleExpression="rate(1 day)")

    for attempt in (
        lambda: make_function(lender, role, "lending"),
        lambda: lender("events").put_targets(Rule="lending", Targets=[target]),
    ):
        with pytest.raises(ClientError, match=f"iam:PassRole on resource: {role}"):
            attempt()
