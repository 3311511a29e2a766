"""Tuning jobs run training jobs over ranges, several in parallel, and report the best one."""

import json
import secrets
import textwrap
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.containers import WITHOUT_COMMAND
from local_aws.home import Home, read_env
from tests.local_aws.conftest import Client, clients, make_role
from tests.local_aws.sagemaker.test_training_jobs import logs_of
from tests.waiting import until

# The program is process 1: the image's bash script becomes it.
STOPPABLE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
"""
# The objective is best at 0.03. As in the training program, the value after the epochs is that of the final model.
TRAINS = """
import json, os, pathlib, time
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
parameters = json.loads((base / "input/config/hyperparameters.json").read_text())
assert parameters["_tuning_objective_metric"] == "validation:accuracy"
accuracy = max(0.01, 1 - abs(float(parameters["learning-rate"]) - 0.03) * 10)
for epoch in range(int(parameters["epochs"])):
    print(f"validation:accuracy={accuracy:.4f}", flush=True)
    time.sleep(SECONDS)
print(f"test:accuracy={accuracy:.4f}", flush=True)
(base / "model/model.txt").write_text(parameters["batch-size"])
"""


def definition(role: str, bucket: str, data: str, program: str) -> dict[str, Any]:
    return {
        "RoleArn": role,
        "AlgorithmSpecification": {
            "TrainingImage": "registry/pytorch:2.13",
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": f"{split}:accuracy", "Regex": f"{split}:accuracy=([0-9.]+)"}
                for split in ("validation", "test")
            ],
        },
        "Environment": {
            "PYTHONPATH": "/opt/ml/input/data/program",
            "SAGEMAKER_TRAINING_MODULE": f"{program}:main",
            "BASH_ENV": WITHOUT_COMMAND["BASH_ENV"].replace(
                "-m training", f"-c '\"import {program}; {program}.main()\"'"
            ),
        },
        "StaticHyperParameters": {"epochs": "2"},
        "InputDataConfig": [
            {
                "ChannelName": "program",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def config(jobs: int, parallel: int = 2, **changes: Any) -> dict[str, Any]:
    return {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "learning-rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
            ],
            "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
        },
        "RandomSeed": 7,
    } | changes


@pytest.fixture
def request_of(client: Client, training_role: str, bucket: str) -> Any:
    """Factory of requests for tuning jobs whose training jobs run a given program."""

    def make(program: str = TRAINS.replace("SECONDS", "0"), **changes: Any) -> dict[str, Any]:
        name = f"tune-{secrets.token_hex(4)}"
        body = "def main():\n" + textwrap.indent(STOPPABLE + program, "    ")
        client("s3").put_object(Bucket=bucket, Key=f"programs/{name}/program.py", Body=body.encode())
        return {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": config(4),
            "TrainingJobDefinition": definition(training_role, bucket, f"s3://{bucket}/programs/{name}/", "program"),
        } | changes

    return make


def wait_for_end(client: Client, name: str) -> dict[str, Any]:
    def over() -> dict[str, Any]:
        job: dict[str, Any] = client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job if job["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped") else {}

    return until(over)


def run(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    client("sagemaker").create_hyper_parameter_tuning_job(**request)
    return wait_for_end(client, request["HyperParameterTuningJobName"])


def jobs_of(client: Client, name: str) -> list[dict[str, Any]]:
    listed = client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return list(listed["TrainingJobSummaries"])


def test_it_runs_as_many_jobs_as_it_may_and_tells_the_best(request_of: Any, client: Client, bucket: str) -> None:
    request = request_of()
    tuning = run(client, request)

    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    listed = client("sagemaker").list_hyper_parameter_tuning_jobs(NameContains=request["HyperParameterTuningJobName"])
    [summary] = listed["HyperParameterTuningJobSummaries"]
    assert (summary["HyperParameterTuningJobStatus"], summary["Strategy"]) == ("Completed", "Bayesian")
    assert tuning["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    jobs = jobs_of(client, request["HyperParameterTuningJobName"])
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    best = max(jobs, key=lambda job: job[metric]["Value"])
    assert tuning["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    assert best["TrainingJobName"].rsplit("-", 2)[0] == request["HyperParameterTuningJobName"]
    assert all(0.001 <= float(job["TunedHyperParameters"]["learning-rate"]) <= 0.1 for job in jobs)
    assert {job["TunedHyperParameters"]["batch-size"] for job in jobs} <= {"32", "64"}
    described = client("sagemaker").describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert described["TuningJobArn"] == tuning["HyperParameterTuningJobArn"]
    assert {m["MetricName"] for m in described["FinalMetricDataList"]} == {"validation:accuracy", "test:accuracy"}
    client("s3").head_object(Bucket=bucket, Key=f"jobs/{best['TrainingJobName']}/output/model.tar.gz")


@pytest.mark.long
def test_jobs_that_fall_behind_are_stopped(request_of: Any, client: Client) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "learning-rate", "Values": ["0.03", "0.031", "0.032", "0.1"]}]}
    changes = {
        "TrainingJobEarlyStoppingType": "Auto",
        "ParameterRanges": ranges,
        "Strategy": "Random",
        "RandomSeed": 35,
    }  # 0.1 is the last
    slow = "0 if accuracy > 0.5 or epoch < 5 else 600"  # after its last epoch it waits to be stopped
    program = TRAINS.replace('parameters["batch-size"]', '""').replace("SECONDS", slow)
    request = request_of(program, HyperParameterTuningJobConfig=config(4, 1, **changes))
    request["TrainingJobDefinition"]["StaticHyperParameters"]["epochs"] = "6"
    tuning = run(client, request)

    jobs = jobs_of(client, request["HyperParameterTuningJobName"])
    learning_rates = [job["TunedHyperParameters"]["learning-rate"] for job in jobs]
    assert learning_rates[-1] == "0.1"
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed"] * 3 + ["Stopped"]
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["BestTrainingJob"]["TunedHyperParameters"]["learning-rate"] == min(learning_rates)


def test_a_stopped_one_stops_its_jobs(request_of: Any, client: Client) -> None:
    request = request_of("import time; print('up', flush=True); time.sleep(600)")
    client("sagemaker").create_hyper_parameter_tuning_job(**request)
    name = {"HyperParameterTuningJobName": request["HyperParameterTuningJobName"]}
    until(lambda: [job["TrainingJobStatus"] for job in jobs_of(client, *name.values())] == ["InProgress"] * 2)
    names = [job["TrainingJobName"] for job in jobs_of(client, *name.values())]
    until(lambda: all(["up"] in logs_of(client, job).values() for job in names))
    client("sagemaker").stop_hyper_parameter_tuning_job(**name)

    assert wait_for_end(client, *name.values())["HyperParameterTuningJobStatus"] == "Stopped"
    assert {job["TrainingJobStatus"] for job in jobs_of(client, *name.values())} == {"Stopped"}
    with pytest.raises(ClientError, match="in status Stopped already"):
        client("sagemaker").stop_hyper_parameter_tuning_job(**name)


def test_without_a_job_that_completes_it_fails_with_the_jobs_reason(request_of: Any, client: Client) -> None:
    tuning = run(client, request_of("raise SystemExit(3)", HyperParameterTuningJobConfig=config(2)))

    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert tuning["FailureReason"] == "All training jobs failed. The last one: AlgorithmError: , exit code: 3"
    assert tuning["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert "BestTrainingJob" not in tuning


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("HyperParameterTuningJobConfig", {"Strategy": "Grid"}, "not Grid"),
        ("HyperParameterTuningJobConfig", {"Strategy": "Hyperband"}, "not Hyperband"),
        ("HyperParameterTuningJobConfig", {"ParameterRanges": {}}, "must hold at least one range"),
        (
            "TrainingJobDefinition",
            {"RetryStrategy": {"MaximumRetryAttempts": 2}},
            "TrainingJobDefinition.RetryStrategy",
        ),
        (
            "HyperParameterTuningJobConfig",
            {"ResourceLimits": {"MaxParallelTrainingJobs": 1}},
            "needs ResourceLimits.MaxNumberOfTrainingJobs",
        ),
        ("TrainingJobDefinition", {"Environment": {}}, "SAGEMAKER_TRAINING_MODULE"),
        ("", {"Autotune": {"Mode": "Enabled"}}, "does not support Autotune"),
    ],
)
def test_what_is_lacking_is_refused_by_name(
    request_of: Any, client: Client, part: str, changes: dict[str, Any], said: str
) -> None:
    request = request_of()
    (request[part] if part else request).update(changes)

    with pytest.raises(ClientError, match=said):
        client("sagemaker").create_hyper_parameter_tuning_job(**request)


def test_an_unknown_one_is_not_found(client: Client) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="nothing")


@pytest.mark.parametrize(
    ("allowed", "tags", "said"),
    [
        ("sagemaker:*", [], "iam:PassRole"),
        ("iam:*", [], "sagemaker:CreateHyperParameterTuningJob"),
        (["iam:*", "sagemaker:CreateHyperParameterTuningJob"], [{"Key": "k", "Value": "v"}], "sagemaker:AddTags"),
    ],
)
def test_a_caller_needs_the_action_the_role_and_the_tags(
    request_of: Any, client: Client, home: Home, allowed: Any, tags: list[dict[str, str]], said: str
) -> None:
    guest = f"guest-{secrets.token_hex(4)}"
    client("iam").create_user(UserName=guest)
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("iam").put_user_policy(UserName=guest, PolicyName="p", PolicyDocument=policy)
    key = client("iam").create_access_key(UserName=guest)["AccessKey"]
    own = clients(
        read_env(home.env_file),
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    with pytest.raises(ClientError, match=said):
        own("sagemaker").create_hyper_parameter_tuning_job(**request_of(), **({"Tags": tags} if tags else {}))


def test_a_role_that_sagemaker_may_not_assume_is_refused(request_of: Any, client: Client) -> None:
    request = request_of()
    request["TrainingJobDefinition"]["RoleArn"] = make_role(client, "no-tuner", "lambda.amazonaws.com")

    with pytest.raises(ClientError, match="Could not assume role"):
        client("sagemaker").create_hyper_parameter_tuning_job(**request)
