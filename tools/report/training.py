"""The training of the live model: its job as SageMaker describes it, and the metrics and mistakes that it wrote."""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from PIL import Image

from settings.names import JOB_DAYS, job_output, result_key
from tools.report.absent import Missing
from training.pictures import tile

MAX_BYTES = 256 * 2**20  # of a job's output, unpacked; 1,000 classes and 24 mistakes take some 5 MB
_SIDE = 120  # pixels of a mistake's picture in the report
_GONE = ("NoSuchKey", "NoSuchBucket", "404")


@dataclass(frozen=True)
class ReportedJob:
    """A training job; `phases` are its secondary statuses with their seconds, in order."""

    name: str
    status: str
    created: datetime
    instances: int
    instance_type: str
    spot: bool
    billed_seconds: int | None
    image: str
    phases: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class MisclassifiedImage:
    """A test image, with its true class and the one it was taken for; `picture` is a data URI."""

    file: str
    label: str
    predicted: str
    probability: float
    picture: str


@dataclass(frozen=True)
class TrainingOutput:
    """Content of metrics.json (docs/training.md), and the test images with the highest loss, worst first."""

    metrics: Mapping[str, Any]
    mistakes: tuple[MisclassifiedImage, ...]


def job_of(s3: Any, bucket: str, digest: str, deploy: str) -> str:
    """Name of the training job that made the model of this digest.

    Args:
        deploy: command that makes the model.

    Raises:
        Missing: the bucket has no such model.
        ClientError: S3 refused.
    """
    why = f"the bucket {bucket} has no {result_key(digest)}, which names the job that made the model"
    return str(json.loads(_object(s3, bucket, result_key(digest), Missing(why, deploy)))["job"])


def read_job(sagemaker: Any, name: str) -> ReportedJob:
    """Describe the job.

    Raises:
        ClientError: SageMaker refused.
    """
    job = sagemaker.describe_training_job(TrainingJobName=name)
    wanted = job["ResourceConfig"]
    return ReportedJob(
        name=name,
        status=job["TrainingJobStatus"],
        created=job["CreationTime"],
        instances=wanted["InstanceCount"],
        instance_type=wanted["InstanceType"],
        spot=job.get("EnableManagedSpotTraining", False),
        billed_seconds=job.get("BillableTimeInSeconds"),
        image=job["AlgorithmSpecification"]["TrainingImage"],
        phases=tuple(
            (step["Status"], (step["EndTime"] - step["StartTime"]).total_seconds())
            for step in job.get("SecondaryStatusTransitions", [])
            if "EndTime" in step
        ),
    )


def read_output(s3: Any, bucket: str, job: str, again: str) -> TrainingOutput:
    """Read what the job wrote beside its model.

    Args:
        again: command that trains once more.

    Raises:
        Missing: it is not there any more, or of an earlier version.
        ClientError: S3 refused.
    """
    key = job_output(job)
    gone = Missing(f"s3://{bucket}/{key} is not there any more: a job's output is kept for {JOB_DAYS} days", again)
    files = _unpacked(_object(s3, bucket, key, gone), f"s3://{bucket}/{key}")
    if "metrics.json" not in files:
        raise Missing(f"s3://{bucket}/{key} has no metrics.json")
    metrics = json.loads(files["metrics.json"])
    told = metrics["test"].get("mistakes", [])
    picture = Image.open(io.BytesIO(files["mistakes.png"])) if told else None
    return TrainingOutput(metrics, tuple(_mistake(each, picture, place) for place, each in enumerate(told)))


def _object(s3: Any, bucket: str, key: str, gone: Missing) -> bytes:
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read(MAX_BYTES))
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise gone from error
        raise


def _unpacked(archive: bytes, name: str) -> dict[str, bytes]:
    """The files that the report needs, by name; nothing is written to the disk."""
    files = {}
    left = MAX_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as tar:
            for member in tar:
                left -= member.size
                if left < 0:
                    raise Missing(f"{name} has over {MAX_BYTES >> 20} MiB")
                if member.isfile() and member.name.removeprefix("./") in ("metrics.json", "mistakes.png"):
                    content = tar.extractfile(member)
                    files[member.name.removeprefix("./")] = content.read() if content else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Missing(f"{name} cannot be read: {error}") from error
    return files


def _mistake(told: Mapping[str, Any], picture: Any, place: int) -> MisclassifiedImage:
    return MisclassifiedImage(
        told["file"], told["class"], told["predicted"], told["probability"], _data_uri(picture.crop(tile(place)))
    )


def _data_uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
