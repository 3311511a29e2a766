"""Processing jobs run a container of the registry in SageMaker's folder layout and report its outcome.

Sources: "How to Build Your Own Processing Container", SageMaker developer guide, and SageMaker's service model.
"""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.toy_endpoint import push
from local_aws.container import namespaces
from local_aws.home import Home, read_env
from tests.local_aws.conftest import Client, assume, make_role, runs
from tests.waiting import until

READS_AND_WRITES = """
import json, os, pathlib, socket
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
resources = json.loads((base / "config/resourceconfig.json").read_text())
job = json.loads((base / "config/processingjobconfig.json").read_text())
files = base / "processing/files"
seen = sorted(p.relative_to(files).as_posix() for p in files.rglob("*") if p.is_file())
def network():
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=0.2)
    except OSError as error:
        return type(error).__name__
said = {
    "files": seen, "hosts": resources["hosts"], "job": job["ProcessingJobName"], "given": os.environ["GIVEN"],
    "pid": os.getpid(), "network": network(), "credentials": "AWS_ACCESS_KEY_ID" in os.environ,
}
out = base / "processing/out"
(out / "deep").mkdir()
(out / "deep" / (resources["current_host"] + ".json")).write_text(json.dumps(said))
(base / "output/message").write_text("seen " + str(len(seen)) + ";")
print("done", flush=True)
"""

FAILS = """
import os, pathlib, sys
base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
(base / "output/message").write_text("the images are blank")
(base / "processing/out/half.txt").write_text("half")
sys.exit(3)
"""

ENDS_WHEN_ASKED = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("ended as asked", flush=True)))
print("up", flush=True)
time.sleep(600)
"""

LOGS = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
PULLS = {"Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "Resource": "*"}
READS = {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
WRITES = {"Action": "s3:PutObject", "Resource": "*"}
RunJob = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def image(client: Client, home: Home) -> str:
    return push(client, read_env(home.env_file))


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    return make_role(client, "processor", "sagemaker.amazonaws.com", LOGS, PULLS, READS, WRITES)


def description(client: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client("sagemaker").describe_processing_job(ProcessingJobName=name)
    return found


def ended(client: Client, name: str) -> dict[str, Any]:
    def over() -> dict[str, Any]:
        found = description(client, name)
        return found if found["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else {}

    return until(over)


@pytest.fixture
def request_of(bucket: str, data: str, image: str, role: str) -> RunJob:
    """A CreateProcessingJob request that runs a program, with changes to its top level."""

    def make(program: str = READS_AND_WRITES, *, count: int = 1, sharded: bool = False, **changes: Any) -> Any:
        name = f"processing-{secrets.token_hex(4)}"
        return {
            "ProcessingJobName": name,
            "RoleArn": role,
            "AppSpecification": {"ImageUri": image, **runs(program)},
            "Environment": {"GIVEN": "as asked"},
            "ProcessingInputs": [
                {
                    "InputName": "files",
                    "S3Input": {
                        "S3Uri": data,
                        "LocalPath": "/opt/ml/processing/files",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": f"s3://{bucket}/processed/{name}/",
                            "LocalPath": "/opt/ml/processing/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
            },
            "NetworkConfig": {"EnableNetworkIsolation": True},
        } | changes

    return make


@pytest.fixture
def run_job(client: Client, request_of: RunJob) -> RunJob:
    """Run a job to its end; returns its description."""

    def run(*program: str, **changes: Any) -> dict[str, Any]:
        request = request_of(*program, **changes)
        client("sagemaker").create_processing_job(**request)
        return ended(client, request["ProcessingJobName"])

    return run


def written(client: Client, bucket: str, job: str) -> dict[str, bytes]:
    """Objects that the job uploaded, by their names below its output."""
    prefix = f"processed/{job}/"
    found = client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        each["Key"].removeprefix(prefix): client("s3").get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for each in found
    }


def log_of(client: Client, job: str) -> list[str]:
    logs, group = client("logs"), "/aws/sagemaker/ProcessingJobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:  # the first job makes the group
        return []
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def test_a_job_sees_its_inputs_and_leaves_its_outputs_message_and_log(
    run_job: RunJob, client: Client, bucket: str
) -> None:
    job = run_job()

    assert job["ProcessingJobStatus"] == "Completed"
    assert (job["ExitMessage"], "FailureReason" in job) == ("seen 2;", False)
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    [(name, content)] = written(client, bucket, job["ProcessingJobName"]).items()
    said = json.loads(content)
    assert name == "deep/algo-1.json"
    assert (said["files"], said["hosts"]) == (["a/one.txt", "b/two.txt"], ["algo-1"])
    assert (said["job"], said["given"]) == (job["ProcessingJobName"], "as asked")
    assert (said["credentials"], said["network"]) == (False, "OSError" if namespaces() else said["network"])
    assert said["pid"] == 1 or not namespaces()
    assert log_of(client, job["ProcessingJobName"]) == ["done"]


def test_instances_share_the_objects_and_each_object_goes_to_one(run_job: RunJob, client: Client, bucket: str) -> None:
    """S3DataDistributionType ShardedByS3Key; with more instances than objects, one gets none."""
    job = run_job(count=3, sharded=True)

    assert job["ProcessingJobStatus"] == "Completed"
    found = written(client, bucket, job["ProcessingJobName"])
    assert sorted(found) == ["deep/algo-1.json", "deep/algo-2.json", "deep/algo-3.json"]
    assert sorted(json.loads(each)["files"] for each in found.values()) == [[], ["a/one.txt"], ["b/two.txt"]]
    assert job["ExitMessage"] == "seen 1;seen 1;seen 0;"


def test_a_container_that_fails_fails_the_job_and_its_message_is_kept(
    run_job: RunJob, client: Client, bucket: str
) -> None:
    job = run_job(FAILS)

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job["ExitMessage"] == "the images are blank"
    assert written(client, bucket, job["ProcessingJobName"]) == {}


def test_a_stopped_job_is_asked_to_end(request_of: RunJob, client: Client) -> None:
    request = request_of(ENDS_WHEN_ASKED)
    name = request["ProcessingJobName"]
    client("sagemaker").create_processing_job(**request)
    until(lambda: "ProcessingStartTime" in description(client, name) and "up" in log_of(client, name))

    client("sagemaker").stop_processing_job(ProcessingJobName=name)

    assert ended(client, name)["ProcessingJobStatus"] == "Stopped"
    assert log_of(client, name) == ["up", "ended as asked"]
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        client("sagemaker").stop_processing_job(ProcessingJobName=name)


def test_a_job_that_takes_too_long_is_stopped(run_job: RunJob) -> None:
    """ "After the condition is met, the processing job is stopped": ProcessingStoppingCondition."""
    assert run_job(ENDS_WHEN_ASKED, StoppingCondition={"MaxRuntimeInSeconds": 1})["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        (PULLS, "not authorized to perform: ecr:GetAuthorizationToken"),
        (READS, "not authorized to perform: s3:ListBucket"),
        (WRITES, "not authorized to perform: s3:PutObject"),
    ],
    ids=["pull", "read", "write"],
)
def test_everything_is_done_as_the_job_s_role(run_job: RunJob, client: Client, lacking: Any, reason: str) -> None:
    statements = [each for each in (LOGS, PULLS, READS, WRITES) if each is not lacking]
    role = make_role(client, f"processor-{secrets.token_hex(4)}", "sagemaker.amazonaws.com", *statements)

    job = run_job(RoleArn=role)

    assert job["ProcessingJobStatus"] == "Failed"
    assert reason in job["FailureReason"] or "Access Denied" in job["FailureReason"]


def test_the_role_must_trust_sagemaker_for_this_job(request_of: RunJob, client: Client) -> None:
    """aws:SourceArn is the job's ARN: "Cross-service confused deputy prevention", SageMaker developer guide."""
    role = make_role(client, "other-jobs", "sagemaker.amazonaws.com")
    trust = client("iam").get_role(RoleName="other-jobs")["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"] = {"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:*:processing-job/mine-*"}}
    client("iam").update_assume_role_policy(RoleName="other-jobs", PolicyDocument=json.dumps(trust))

    with pytest.raises(ClientError, match=r"assume|trust"):
        client("sagemaker").create_processing_job(**request_of(RoleArn=role))
    client("sagemaker").create_processing_job(**request_of(RoleArn=role, ProcessingJobName="mine-1"))
    assert "Cannot pull the image" in ended(client, "mine-1")["FailureReason"]


def test_keys_for_volume_and_output_take_permissions_of_the_role(
    request_of: RunJob, run_job: RunJob, client: Client
) -> None:
    key = str(client("kms").create_key()["KeyMetadata"]["Arn"])
    resources = request_of()["ProcessingResources"]
    resources["ClusterConfig"]["VolumeKmsKeyId"] = key
    output = request_of()["ProcessingOutputConfig"] | {"KmsKeyId": key}

    assert "kms:CreateGrant" in run_job(ProcessingResources=resources)["FailureReason"]
    assert "kms:Encrypt" in run_job(ProcessingOutputConfig=output)["FailureReason"]
    use = {"Action": ["kms:CreateGrant", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], "Resource": key}
    role = make_role(client, "key-user", "sagemaker.amazonaws.com", LOGS, PULLS, READS, WRITES, use)
    job = run_job(ProcessingResources=resources, ProcessingOutputConfig=output, RoleArn=role)
    assert job["ProcessingJobStatus"] == "Completed"
    bucket, _, prefix = output["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
    assert client("s3").head_object(Bucket=bucket, Key=f"{prefix}deep/algo-1.json")["SSEKMSKeyId"] == key


def test_an_input_without_objects_fails_the_job(run_job: RunJob, request_of: RunJob, bucket: str) -> None:
    inputs = request_of()["ProcessingInputs"]
    inputs[0]["S3Input"]["S3Uri"] = f"s3://{bucket}/nothing/"
    assert "no S3 objects under" in run_job(ProcessingInputs=inputs)["FailureReason"]


def test_an_arm_image_cannot_be_started(run_job: RunJob, request_of: RunJob, client: Client, home: Home) -> None:
    """SageMaker's ProcessingInstanceType has no Graviton instance."""
    image = push(client, read_env(home.env_file), "arm64")
    application = request_of()["AppSpecification"] | {"ImageUri": image}
    job = run_job(AppSpecification=application)
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert log_of(client, job["ProcessingJobName"]) == ["exec python: exec format error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(LocalPath="/opt/ml/model"), "must begin with /opt/ml/pr"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(LocalPath="/opt/ml/processing/out"), "of its own"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(S3InputMode="Pipe"), "does not support input files"),
        (lambda r: r.update(ProcessingJobName="with_underscore"), "regular expression pattern"),
        (lambda r: r["ProcessingResources"]["ClusterConfig"].update(InstanceType="ml.c7g.large"), "enum value set"),
        (lambda r: r["ProcessingResources"]["ClusterConfig"].update(InstanceCount=101), "less than or equal to 100"),
        (
            lambda r: r["ProcessingResources"]["ClusterConfig"].update(
                InstanceType="ml.r5d.large", VolumeKmsKeyId="alias/x"
            ),
            "which has local storage",
        ),
    ],
    ids=["place", "same place", "pipe", "name", "arm instance", "count", "key of local disk"],
)
def test_what_sagemaker_refuses_is_refused(
    request_of: RunJob, client: Client, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    request = request_of()
    change(request)
    with pytest.raises(ClientError, match=message):
        client("sagemaker").create_processing_job(**request)


def test_jobs_are_listed_by_name_and_status_and_names_are_used_once(
    run_job: RunJob, request_of: RunJob, client: Client
) -> None:
    job = run_job()
    name = job["ProcessingJobName"]
    sagemaker = client("sagemaker")
    [listed] = sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert (listed["ProcessingJobArn"], listed["ProcessingJobStatus"]) == (job["ProcessingJobArn"], "Completed")
    assert sagemaker.list_processing_jobs(NameContains=name, StatusEquals="Failed")["ProcessingJobSummaries"] == []
    with pytest.raises(ClientError, match="already existing processing-job"):
        sagemaker.create_processing_job(**request_of(ProcessingJobName=name))
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_processing_job(ProcessingJobName="unknown")


def test_a_caller_needs_pass_role_and_the_action_on_the_job(request_of: RunJob, client: Client, home: Home) -> None:
    make_role(client, "scorer", "sagemaker.amazonaws.com", {
        "Action": "sagemaker:CreateProcessingJob", "Resource": "arn:aws:sagemaker:*:*:processing-job/mine-*",
    })  # fmt: skip
    acting = assume(client, home, "scorer")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateProcessingJob"):
        acting("sagemaker").create_processing_job(**request_of())
    with pytest.raises(ClientError, match="iam:PassRole"):
        acting("sagemaker").create_processing_job(**request_of(ProcessingJobName="mine-2"))


def test_the_end_of_a_job_is_an_event(run_job: RunJob, client: Client) -> None:
    """ "SageMaker Processing Job State Change", "Events from SageMaker AI", SageMaker developer guide."""
    queue = client("sqs").create_queue(QueueName="processing-events")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Processing Job State Change"]}
    client("events").put_rule(Name="processing", EventPattern=json.dumps(pattern))
    client("events").put_targets(Rule="processing", Targets=[{"Id": "1", "Arn": arn}])

    job = run_job()

    received: set[tuple[str, str]] = set()

    def arrived() -> bool:
        for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            received.add((detail["ProcessingJobName"], detail["ProcessingJobStatus"]))
        return (job["ProcessingJobName"], "Completed") in received

    until(arrived)
    client("events").remove_targets(Rule="processing", Ids=["1"])


def test_a_quota_limits_the_instances(request_of: RunJob, client: Client) -> None:
    """ "<type> for processing job usage", Service Quotas."""
    request = request_of(ENDS_WHEN_ASKED)
    client("sagemaker").create_processing_job(**request)
    with pytest.raises(ClientError, match=r"'ml\.m5\.large for processing job usage' is 100 Instances, with current"):
        client("sagemaker").create_processing_job(**request_of(count=100))
    client("sagemaker").stop_processing_job(ProcessingJobName=request["ProcessingJobName"])


def test_without_isolation_a_container_calls_aws_as_the_role(run_job: RunJob, client: Client) -> None:
    job = run_job("import os; print('credentials', 'AWS_ACCESS_KEY_ID' in os.environ, flush=True)", NetworkConfig={})
    assert log_of(client, job["ProcessingJobName"]) == ["credentials True"]
