"""Reads the training jobs of a deployment from SageMaker and CloudWatch Logs."""

from dataclasses import dataclass

import boto3

from aws.log_groups import TRAINING_JOBS
from tools.deploy.inventory import pages


@dataclass(frozen=True)
class Job:
    """One training job; `digest` is the start of the model's digest, 12 hex digits, from the job's name."""

    name: str
    instances: int
    status: str
    log_streams: list[str]
    test_accuracy: float | None
    digest: str
    seconds: dict[str, float]  # by phase, in order


def jobs(prefix: str) -> list[Job]:
    """All training jobs of a deployment (`<app>-<stage>-`), oldest first."""
    sagemaker = boto3.client("sagemaker")
    return [_job(sagemaker, name, prefix) for name in job_names(prefix)]


def job_names(prefix: str) -> list[str]:
    """Names of all training jobs of a deployment (`<app>-<stage>-`), oldest first."""
    found = pages(
        "sagemaker", "list_training_jobs", "TrainingJobSummaries", NameContains=prefix, SortBy="CreationTime",
        SortOrder="Ascending",
    )  # fmt: skip
    return [name for each in found if (name := each["TrainingJobName"]).startswith(prefix)]


def _job(sagemaker: object, name: str, prefix: str) -> Job:
    job = sagemaker.describe_training_job(TrainingJobName=name)  # type: ignore[attr-defined]
    streams = boto3.client("logs").describe_log_streams(logGroupName=TRAINING_JOBS, logStreamNamePrefix=f"{name}/")
    metrics = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    accuracy = metrics.get("test:accuracy")
    return Job(
        name=name,
        instances=job["ResourceConfig"]["InstanceCount"],
        status=job["TrainingJobStatus"],
        log_streams=[stream["logStreamName"] for stream in streams["logStreams"]],
        test_accuracy=None if accuracy is None else round(accuracy, 4),
        digest=name.removeprefix(prefix).split("-")[0],
        seconds={
            step["Status"]: round((step["EndTime"] - step["StartTime"]).total_seconds(), 1)
            for step in job["SecondaryStatusTransitions"]
            if "EndTime" in step
        },
    )
