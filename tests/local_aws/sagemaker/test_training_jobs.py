"""Training jobs run the program of the request in SageMaker's folder layout and report its outcome."""

import io
import secrets
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import Client, clients, ended, make_role, runs
from tests.waiting import until

WRITES_A_MODEL = """
import json, os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
parameters = json.loads((base / "input/config/hyperparameters.json").read_text())
resources = json.loads((base / "input/config/resourceconfig.json").read_text())
images = base / "input/data/images"
files = sorted(p.relative_to(images).as_posix() for p in images.rglob("*.txt"))
print("files", files, "epochs", parameters["epochs"], "path", os.environ["SOMEWHERE"])
print("test:accuracy=0.75")
print("credentials", "AWS_ACCESS_KEY_ID" in os.environ)
if resources["current_host"] == "algo-1":
    (base / "model/model.txt").write_text(",".join(resources["hosts"]))
"""

FAILS = """
import os, pathlib, sys
(pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "output/failure").write_text("the images are blank")
sys.exit(3)
"""

ENDS_WHEN_ASKED = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("ended as asked", flush=True)))
print("up", flush=True)
time.sleep(600)
"""

COUNTS = """
import os, pathlib, signal, sys, time
kept = pathlib.Path("/opt/ml/checkpoints/deep/count")
kept.parent.mkdir(parents=True, exist_ok=True)
start = count = int(kept.read_text()) if kept.exists() else 0
def stop(*_):
    kept.write_text(str(count))
    print("stopped after", count, flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("starts after", start, flush=True)
while count < start + 3:
    time.sleep(0.1)
    count += 1
kept.write_text(str(count))
if start == 0:
    print("up", flush=True)
    time.sleep(600)
print("test:accuracy=1.0", flush=True)
"""


@pytest.fixture
def spot(bucket: str, tmp_path: Path) -> dict[str, Any]:
    """Parameters that make a request a spot job."""
    return {
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{bucket}/checkpoints/{tmp_path.name}/"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
    }


@pytest.fixture
def run_job(client: Client, training_role: str, bucket: str, data: str) -> Any:
    """Run a job with the given program to its end; returns its description."""

    def run(program: str, wait: bool = True, **changes: Any) -> dict[str, Any]:
        name = f"job-{secrets.token_hex(4)}"
        job: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": training_role,
            "AlgorithmSpecification": {
                "TrainingImage": "registry/pytorch:2.13",
                "TrainingInputMode": "File",
                **runs(program),
                "MetricDefinitions": [{"Name": "test:accuracy", "Regex": "test:accuracy=([0-9.]+)"}],
            },
            "HyperParameters": {"epochs": "2"},
            "Environment": {"SOMEWHERE": "/opt/ml/input/data/images"},
            "InputDataConfig": [
                {
                    "ChannelName": "images",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        } | changes
        sagemaker = client("sagemaker")
        sagemaker.create_training_job(**job)
        return ended(client, name) if wait else {"TrainingJobName": name}

    return run


def logs_of(client: Client, job: str) -> dict[str, list[str]]:
    """Log lines of a job by host; none before the first line of any job."""
    logs, group = client("logs"), "/aws/sagemaker/TrainingJobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return {}
    return {
        stream["logStreamName"].split("/")[1].rsplit("-", 1)[0]: [
            event["message"]
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
        for stream in streams
    }


def test_a_job_sees_its_inputs_and_leaves_its_model_metrics_and_logs(run_job: Any, client: Client) -> None:
    job = run_job(WRITES_A_MODEL)

    assert job["TrainingJobStatus"] == "Completed"
    assert [(m["MetricName"], round(m["Value"], 4)) for m in job["FinalMetricDataList"]] == [("test:accuracy", 0.75)]
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    archive = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        assert packed.getnames() == ["model.txt"]
    [lines] = logs_of(client, job["TrainingJobName"]).values()
    assert lines[0].startswith("files ['a/one.txt', 'b/two.txt'] epochs 2 path ")
    assert lines[0].endswith("/input/data/images")


def test_every_instance_runs_the_program_and_has_a_log_stream_of_its_own(run_job: Any, client: Client) -> None:
    four = {"InstanceType": "ml.m5.large", "InstanceCount": 4, "VolumeSizeInGB": 1}

    job = run_job(WRITES_A_MODEL, ResourceConfig=four)

    assert job["TrainingJobStatus"] == "Completed"
    assert sorted(logs_of(client, job["TrainingJobName"])) == ["algo-1", "algo-2", "algo-3", "algo-4"]


@pytest.mark.parametrize(("isolated", "seen"), [(True, "credentials False"), (False, "credentials True")])
def test_network_isolation_keeps_the_role_s_credentials_from_the_program(
    run_job: Any, client: Client, isolated: bool, seen: str
) -> None:
    job = run_job(WRITES_A_MODEL, EnableNetworkIsolation=isolated)

    [lines] = logs_of(client, job["TrainingJobName"]).values()
    assert seen in lines


def test_a_failing_program_s_own_words_are_the_failure_reason(run_job: Any) -> None:
    job = run_job(FAILS)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the images are blank, exit code: 3"


def test_the_instance_that_fails_first_gives_the_reason(run_job: Any) -> None:
    program = """
import json, os, pathlib, signal, sys, time
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
first = json.loads((base / "input/config/resourceconfig.json").read_text())["current_host"] == "algo-2"
(base / "output/failure").write_text("the disk is full" if first else "process 0 of 2 lost the others")
if not first:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    time.sleep(600)
sys.exit(1)
"""
    job = run_job(program, ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1})

    assert job["FailureReason"] == "AlgorithmError: the disk is full, exit code: 1"


def test_a_channel_without_objects_fails_the_job_and_names_the_prefix(run_job: Any, bucket: str) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/nothing/"}}

    job = run_job(WRITES_A_MODEL, InputDataConfig=[{"ChannelName": "images", "DataSource": source}])

    assert job["TrainingJobStatus"] == "Failed"
    assert f"no S3 objects under 's3://{bucket}/nothing/'" in job["FailureReason"]


@pytest.mark.parametrize(("mode", "seen"), [({}, "File"), ({"InputMode": "FastFile"}, "FastFile")])
def test_a_channel_has_its_files_in_file_and_in_fast_file_mode(
    run_job: Any, client: Client, data: str, mode: dict[str, str], seen: str
) -> None:
    """InputMode of "Channel", SageMaker API reference: without it, the job's TrainingInputMode counts."""
    program = """
import json, os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
config = json.loads((base / "input/config/inputdataconfig.json").read_text())["images"]
print(config["TrainingInputMode"], sorted(path.name for path in (base / "input/data/images").rglob("*.txt")))
"""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}

    job = run_job(program, InputDataConfig=[{"ChannelName": "images", "DataSource": source, **mode}])

    [lines] = logs_of(client, job["TrainingJobName"]).values()
    assert lines == [f"{seen} ['one.txt', 'two.txt']"]


@pytest.mark.parametrize(
    ("channel", "kind"), [({"InputMode": "Pipe"}, "S3Prefix"), ({"InputMode": "FastFile"}, "AugmentedManifestFile")]
)
def test_a_channel_that_cannot_be_read_is_refused(run_job: Any, data: str, channel: dict[str, str], kind: str) -> None:
    """FastFile takes no augmented manifest: TrainingInputMode, SageMaker API reference. Pipe is not here."""
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": data}}

    with pytest.raises(ClientError, match=f"channel images is a {kind} in {channel['InputMode']} mode"):
        run_job(WRITES_A_MODEL, InputDataConfig=[{"ChannelName": "images", "DataSource": source, **channel}])


def test_a_role_that_may_not_read_the_data_fails_the_job(run_job: Any, client: Client) -> None:
    role = make_role(client, "blind", "sagemaker.amazonaws.com", {"Action": "logs:*", "Resource": "*"})

    job = run_job(WRITES_A_MODEL, RoleArn=role)

    assert job["TrainingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]


def test_a_role_that_sagemaker_may_not_assume_is_refused(run_job: Any, client: Client) -> None:
    role = make_role(client, "not-yours", "lambda.amazonaws.com", {"Action": "s3:*", "Resource": "*"})

    with pytest.raises(ClientError, match="Could not assume role"):
        run_job(WRITES_A_MODEL, RoleArn=role)


def test_a_stopped_job_ends_its_program(run_job: Any, client: Client) -> None:
    job = run_job(ENDS_WHEN_ASKED, wait=False)["TrainingJobName"]
    until(lambda: ["up"] in logs_of(client, job).values())

    client("sagemaker").stop_training_job(TrainingJobName=job)

    assert ended(client, job)["TrainingJobStatus"] == "Stopped"
    assert ["up", "ended as asked"] in logs_of(client, job).values()


@pytest.mark.parametrize("instances", [1, 2])
def test_a_stopped_spot_job_goes_on_from_its_checkpoint(
    run_job: Any, client: Client, spot: dict[str, Any], instances: int
) -> None:
    fleet = {"InstanceType": "ml.m5.large", "InstanceCount": instances, "VolumeSizeInGB": 1}
    first = run_job(COUNTS, wait=False, ResourceConfig=fleet, **spot)["TrainingJobName"]
    kept = f"{spot['CheckpointConfig']['S3Uri'].split('/', 3)[3]}deep/count"
    _wait_for_object(client, kept)  # while the job runs
    until(lambda: [lines[-1:] for lines in logs_of(client, first).values()] == [["up"]] * instances)

    client("sagemaker").stop_training_job(TrainingJobName=first)
    assert ended(client, first)["TrainingJobStatus"] == "Stopped"
    second = run_job(COUNTS, ResourceConfig=fleet, **spot)

    assert second["TrainingJobStatus"] == "Completed"
    assert second["EnableManagedSpotTraining"] is True
    for lines in logs_of(client, second["TrainingJobName"]).values():
        assert lines[0] == "starts after 3"
    assert client("s3").get_object(Bucket="workshop", Key=kept)["Body"].read() == b"6"


def _wait_for_object(client: Client, key: str) -> None:
    until(lambda: client("s3").list_objects_v2(Bucket="workshop", Prefix=key)["KeyCount"], told=lambda: key)


def test_a_failing_job_leaves_its_checkpoint(run_job: Any, client: Client, spot: dict[str, Any]) -> None:
    program = "open('/opt/ml/checkpoints/last', 'w').write('x'); raise SystemExit(3)"
    assert run_job(program, **spot)["TrainingJobStatus"] == "Failed"
    _wait_for_object(client, f"{spot['CheckpointConfig']['S3Uri'].split('/', 3)[3]}last")


def test_a_job_whose_role_may_not_keep_checkpoints_fails(run_job: Any, client: Client, spot: dict[str, Any]) -> None:
    reads = {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    role = make_role(client, "reads-only", "sagemaker.amazonaws.com", reads, {"Action": "logs:*", "Resource": "*"})

    job = run_job("open('/opt/ml/checkpoints/last', 'w').write('x')", RoleArn=role, **spot)

    assert job["TrainingJobStatus"] == "Failed"
    assert "Checkpoint upload failed" in job["FailureReason"] and "AccessDenied" in job["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 60}}, "Invalid MaxWaitTimeInSeconds"),
        ({"EnableManagedSpotTraining": False}, "is for managed spot training only"),
        ({"CheckpointConfig": {"S3Uri": "s3://workshop/c/", "LocalPath": "/tmp/c"}}, "under /opt/ml/ only"),
    ],
)
def test_spot_settings_that_cannot_be_run_are_refused(
    run_job: Any, spot: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        run_job(COUNTS, **(spot | changes))


def test_what_a_program_leaves_in_its_output_folder_is_uploaded(run_job: Any, client: Client) -> None:
    job = run_job("open('/opt/ml/output/data/curves.png', 'w').write('x')")

    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    archive = client("s3").get_object(Bucket=bucket, Key=key.replace("model.tar.gz", "output.tar.gz"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        assert packed.getnames() == ["curves.png"]


def test_a_job_that_runs_too_long_is_stopped(run_job: Any) -> None:
    job = run_job(ENDS_WHEN_ASKED, StoppingCondition={"MaxRuntimeInSeconds": 5})

    assert job["TrainingJobStatus"] == "Stopped"
    assert "MaxRuntimeExceeded" in [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_a_caller_without_pass_role_cannot_hand_the_role_to_a_job(
    run_job: Any, client: Client, home: Any, training_role: str
) -> None:
    from local_aws.home import read_env

    client("iam").create_user(UserName="guest")
    client("iam").put_user_policy(
        UserName="guest",
        PolicyName="p",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sagemaker:*","Resource":"*"}]}',
    )
    key = client("iam").create_access_key(UserName="guest")["AccessKey"]
    guest = clients(
        read_env(home.env_file),
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    request = {
        "TrainingJobName": "passed",
        "RoleArn": training_role,
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://workshop/jobs/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }

    with pytest.raises(ClientError, match="iam:PassRole"):
        guest("sagemaker").create_training_job(**request)
