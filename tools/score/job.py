"""The processing job of a scoring: its request, and the wait for its end."""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.instances import Instance, check_exists
from aws.log_groups import PROCESSING_JOBS
from tools.deploy.narration import NOTE, minutes
from tools.deploy.progress import JobLog
from tools.score.images import ScoringImages
from training.errors import InputError, ReportedError

IMAGES_PATH, RESULTS_PATH = "/opt/ml/processing/images", "/opt/ml/processing/results"
_SPARE_GIB = 10
_POLL_SECONDS = 2.0
Say = Callable[[str], None]


class ScoringJobFailed(ReportedError):
    """The job failed, or was stopped; the message says why, and where its log is."""


def instance_of(template: Mapping[str, Any], given: str | None) -> Instance:
    """The instance type to run on: the given one, or that of the deployed request.

    Raises:
        InputError: SageMaker runs no processing job on this type, or the deployed image does not run on it.
    """
    deployed = template["ProcessingResources"]["ClusterConfig"]["InstanceType"]
    if Instance.parse(deployed).arm:
        raise InputError(
            f"the endpoint's image is built for {deployed}, an Arm type, on which SageMaker runs no processing jobs: "
            "deploy with an endpoint_instance_type of another processor, such as ml.c5.xlarge"
        )
    kind = given or deployed
    try:
        return Instance.parse(check_exists(kind, "ProcessingInstanceType"))
    except ValueError as error:
        raise InputError(f'{kind} for processing jobs: {error}. As in ARGS="--instance-type ml.m5.large"') from None


def request_of(
    template: Mapping[str, Any],
    name: str,
    images: ScoringImages,
    results_uri: str,
    *,
    instance: Instance,
    count: int,
    labels: int | None,
) -> dict[str, Any]:
    """The CreateProcessingJob request; `template` is the deployed one, without images and results."""
    cluster = {
        "InstanceType": instance.name,
        "InstanceCount": count,
        "VolumeSizeInGB": _SPARE_GIB + math.ceil(images.size / 2**30),
    }
    output = template["ProcessingOutputConfig"]
    if not instance.local_disk:
        cluster["VolumeKmsKeyId"] = output["KmsKeyId"]
    source = {
        "S3Uri": images.uri,
        "LocalPath": IMAGES_PATH,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "ShardedByS3Key" if count > 1 else "FullyReplicated",
    }
    target = {"S3Uri": results_uri, "LocalPath": RESULTS_PATH, "S3UploadMode": "EndOfJob"}
    application = dict(template["AppSpecification"])
    if labels:
        application["ContainerArguments"] = ["--labels", str(labels)]
    return {
        **template,
        "ProcessingJobName": name,
        "AppSpecification": application,
        "ProcessingInputs": [*template["ProcessingInputs"], {"InputName": "images", "S3Input": source}],
        "ProcessingOutputConfig": {**output, "Outputs": [{"OutputName": "results", "S3Output": target}]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }


def start(request: Mapping[str, Any]) -> None:
    """Create the job.

    Raises:
        InputError: the account's quota is too low, with how to ask for more.
        ClientError: SageMaker refused for another reason.
    """
    try:
        boto3.client("sagemaker").create_processing_job(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        raise InputError(
            f"{error.response['Error']['Message']} make preflight with the same SETTINGS has the command that asks for "
            "more"
        ) from error


def wait(name: str, say: Say) -> dict[str, Any]:
    """Follow the job to its end; returns its description.

    Raises:
        ScoringJobFailed: it did not complete.
    """
    client, begin = boto3.client("sagemaker"), time.monotonic()

    def tell(line: str) -> None:
        say(f"{minutes(time.monotonic() - begin):>5}  {line}")

    tell(f"{NOTE}job {name}: SageMaker starts its instances, which takes minutes")
    with JobLog(f"{name}/", lambda line: narrate(line, tell), group=PROCESSING_JOBS):
        while (job := client.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] in (
            "InProgress",
            "Stopping",
        ):
            time.sleep(_POLL_SECONDS)
    if job["ProcessingJobStatus"] == "Completed":
        return dict(job)
    reason = job.get("FailureReason", "it was stopped, or ran into its limit of time")
    said = f" ({job['ExitMessage']})" if job.get("ExitMessage") else ""
    raise ScoringJobFailed(
        f"job {name} {job['ProcessingJobStatus'].lower()}: {reason}{said}; no results were stored. Its log: "
        f"aws logs tail {PROCESSING_JOBS} --since 1d --log-stream-name-prefix {name}/"
    )


def narrate(line: str, tell: Say) -> None:
    """Pass what a log line tells of the scoring, and what is none of its events, such as an error's trace."""
    host, _, text = line.partition(" │ ")
    try:
        event = json.loads(text)
        kind = event["event"]
    except (ValueError, TypeError, KeyError):
        tell(line)
        return
    match kind:
        case "scoring":
            tell(f"{host} │ scores {event['images']:,} images on {event['processes'] * event['threads']} threads")
        case "progress":
            tell(f"{host} │ {event['done']:,} of {event['images']:,} images")
        case "failed":
            tell(f"{host} │ {event.get('image', 'the model')}: {event['reason']}")
