"""What the bucket knows: which models are kept, with what accuracy, and which stacks wait for which job.

    models/<digest>/model.tar.gz      the model, there only when it was good enough
    models/<digest>/result.json       the job that made it, and its test accuracy
    jobs/<job>/output/model.tar.gz    what SageMaker wrote, by training job
    jobs/waiting/<digest>.json        a stack waits for this digest's job

Objects are looked up by listing: with rights limited to prefixes, S3 answers "forbidden" to a read of what
is not there.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

_WAITING = "jobs/waiting/"  # these names are settings/names.py's, which Lambda does not have


@dataclass(frozen=True)
class Result:
    """How a kept model came to be. `test_accuracy` is in 0..1."""

    job: str
    test_accuracy: float


@dataclass(frozen=True)
class Waiting:
    """A stack that waits for `job`, of that kind in SageMaker's API; `since` is in seconds of the epoch."""

    digest: str
    kind: str
    job: str
    floor: float
    wait_url: str
    since: float


class Store:
    """One system's bucket, reached with `s3`, a boto3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def exists(self, key: str) -> bool:
        listed = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in listed.get("Contents", []))

    def result(self, digest: str) -> Result | None:
        """The kept model's result; None when no model of this digest is kept."""
        if not self.exists(model_key(digest)):
            return None
        return Result(**self._read(result_key(digest)))

    def keep(self, digest: str, result: Result) -> None:
        """Copy the job's model to where the endpoint takes it from."""
        # The result first: where a model is, its result is too.
        self._write(result_key(digest), asdict(result))
        source = {"Bucket": self.bucket, "Key": job_artifact(result.job)}
        self._s3.copy_object(Bucket=self.bucket, Key=model_key(digest), CopySource=source)

    def wait(self, waiting: Waiting) -> None:
        self._write(waiting_note(waiting.digest), asdict(waiting))

    def waiting(self, digest: str) -> Waiting | None:
        """Who waits for the digest's job; None when nobody does, or the bucket is gone."""
        key = waiting_note(digest)
        try:
            return Waiting(**self._read(key)) if self.exists(key) else None
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
            return None

    def forget(self, digest: str) -> None:
        """Remove the note that a stack waits; nothing happens when there is none."""
        try:
            self._s3.delete_object(Bucket=self.bucket, Key=waiting_note(digest))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def all_waiting(self) -> Iterator[Waiting]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=_WAITING)
        for page in pages:
            for item in page.get("Contents", []):
                yield Waiting(**self._read(item["Key"]))

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
