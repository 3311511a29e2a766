"""State in the bucket: the kept models with their accuracy, and the stacks that wait for a job.

    models/<digest>/model.tar.gz      a model that reached the accuracy floor
    models/<digest>/result.json       the job that trained it, and its test accuracy
    jobs/<job>/output/model.tar.gz    the model of each training job, written by SageMaker
    jobs/waiting/<digest>.json        note that a stack waits for this digest's job

Objects are looked up by listing, because the role's permissions are limited to prefixes and S3 then answers a read of a
missing object with 403.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

_WAITING = "jobs/waiting/"  # these names are settings/names.py's, which Lambda does not have


@dataclass(frozen=True)
class ModelResult:
    """Training job and test accuracy (0..1) of a kept model."""

    job: str
    test_accuracy: float


@dataclass(frozen=True)
class WaitingStack:
    """A stack that waits for `job`. `kind` is a `JobKind.resource`; `since` is in seconds since 1970."""

    digest: str
    kind: str
    job: str
    floor: float
    wait_url: str
    since: float


class Store:
    """The system's bucket, through the boto3 client `s3`."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def exists(self, key: str) -> bool:
        """True if the bucket has an object with this key."""
        listed = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in listed.get("Contents", []))

    def result(self, digest: str) -> ModelResult | None:
        """ModelResult of the kept model; None if no model of this digest is kept."""
        if not self.exists(model_key(digest)):
            return None
        return ModelResult(**self._read(result_key(digest)))

    def keep(self, digest: str, result: ModelResult) -> None:
        """Copy the job's model to the key that the endpoint reads."""
        # The result first, so that every kept model has one.
        self._write(result_key(digest), asdict(result))
        source = {"Bucket": self.bucket, "Key": job_artifact(result.job)}
        self._s3.copy_object(Bucket=self.bucket, Key=model_key(digest), CopySource=source)

    def wait(self, waiting: WaitingStack) -> None:
        """Write the note that a stack waits."""
        self._write(waiting_note(waiting.digest), asdict(waiting))

    def waiting(self, digest: str) -> WaitingStack | None:
        """The stack that waits for the digest's job; None without one, or if the bucket is gone."""
        key = waiting_note(digest)
        try:
            return WaitingStack(**self._read(key)) if self.exists(key) else None
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
            return None

    def forget(self, digest: str) -> None:
        """Remove the note that a stack waits, if there is one."""
        try:
            self._s3.delete_object(Bucket=self.bucket, Key=waiting_note(digest))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def all_waiting(self) -> Iterator[WaitingStack]:
        """Every stack that waits."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=_WAITING)
        for page in pages:
            for item in page.get("Contents", []):
                yield WaitingStack(**self._read(item["Key"]))

    def _read(self, key: str) -> dict[str, Any]:
        content = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return dict(json.loads(content))

    def _write(self, key: str, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")


def data_manifest(dataset: str) -> str:
    """Key of the object that an upload writes last."""
    return f"data/{dataset}/manifest.json"


def job_artifact(job: str) -> str:
    """Key that SageMaker writes a job's model to."""
    return f"jobs/{job}/output/model.tar.gz"


def model_key(digest: str) -> str:
    return f"models/{digest}/model.tar.gz"


def result_key(digest: str) -> str:
    return f"models/{digest}/result.json"


def waiting_note(digest: str) -> str:
    return f"{_WAITING}{digest}.json"
