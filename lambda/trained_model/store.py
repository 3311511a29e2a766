"""State in the bucket: the kept models with their accuracy, and the stacks that wait for a job.

    models/<digest>/model.tar.gz      a model that reached the accuracy floor
    models/<digest>/result.json       the job that trained it, and its test accuracies
    jobs/<job>/output/model.tar.gz    the model of each training job, written by SageMaker
    jobs/waiting/<digest>.json        note that a stack waits for this digest's job

Objects are looked up by listing, because the role's permissions are limited to prefixes and S3 then answers a read of a
missing object with 403. Two invocations may work on the same note: only the note that was read is removed ("How to
perform conditional deletes", S3 user guide).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

_WAITING = "jobs/waiting/"  # these names are settings/names.py's, which Lambda does not have


@dataclass(frozen=True)
class ModelResult:
    """Training job of a kept model, and its test accuracies, 0..1.

    They are over all images, as the mean over classes, and of the lowest class. A model that an earlier version kept
    lacks the latter two.
    """

    job: str
    test_accuracy: float
    balanced_accuracy: float | None = None
    lowest_class_accuracy: float | None = None

    def __str__(self) -> str:
        balanced = "" if self.balanced_accuracy is None else f", balanced {self.balanced_accuracy}"
        lowest = "" if self.lowest_class_accuracy is None else f", lowest class {self.lowest_class_accuracy}"
        return f"{self.test_accuracy}{balanced}{lowest}"

    def under(self, floor: float, class_floor: float) -> str:
        """Reason why the model is not good enough; "" if it is.

        The accuracy over all images alone would let a large class hide small ones.
        """
        under = f"is under the floor {floor:.4g} (training job {self.job})"
        if self.test_accuracy < floor:
            return f"test accuracy {self.test_accuracy:.4g} {under}"
        if self.balanced_accuracy is not None and self.balanced_accuracy < floor:
            return (
                f"balanced test accuracy {self.balanced_accuracy:.4g} {under}: some classes are hardly recognised, "
                f"though {self.test_accuracy:.4g} of all test images are"
            )
        if self.lowest_class_accuracy is not None and self.lowest_class_accuracy < class_floor:
            return (
                f"lowest class's test accuracy {self.lowest_class_accuracy:.4g} is under the floor {class_floor:.4g} "
                f"(training job {self.job}), though {self.test_accuracy:.4g} of all test images are recognised"
            )
        return ""


@dataclass(frozen=True)
class WaitingStack:
    """A stack that waits for `job`.

    `kind` is a `JobKind.resource`; `since` is in seconds since 1970; `etag` is its note's, "" before it is written.
    """

    digest: str
    kind: str
    job: str
    floor: float
    wait_url: str
    since: float
    class_floor: float = 0.0
    """0 in the note of an earlier version."""
    etag: str = ""


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

    def wait(self, waiting: WaitingStack) -> WaitingStack:
        """Write the note that a stack waits; returns it with its etag."""
        etag = self._write(waiting_note(waiting.digest), {**asdict(waiting), "etag": ""})
        return replace(waiting, etag=etag)

    def waiting(self, digest: str) -> WaitingStack | None:
        """The stack that waits for the digest's job; None without one, or if the bucket is gone."""
        return self.read_note(waiting_note(digest))

    def read_note(self, key: str) -> WaitingStack | None:
        """The stack of a note; None if the note is gone. ValueError or TypeError if it is no such note."""
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if self._is_gone(key, error):
                return None
            raise
        return WaitingStack(**{**json.loads(found["Body"].read()), "etag": found["ETag"]})

    def forget(self, waiting: WaitingStack) -> None:
        """Remove the note that was read, if it is still there; another one of the same digest stays."""
        key = waiting_note(waiting.digest)
        try:
            self._s3.delete_object(Bucket=self.bucket, Key=key, IfMatch=waiting.etag)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed" and not self._is_gone(key, error):
                raise

    def notes(self) -> Iterator[str]:
        """Keys of all notes, without the folder that S3's console makes."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=_WAITING)
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", []) if item["Key"].endswith(".json"))

    def _is_gone(self, key: str, error: ClientError) -> bool:
        """True if an error of S3 means that the object is not there."""
        code = error.response["Error"]["Code"]
        return code in ("NoSuchKey", "NoSuchBucket") or (code == "AccessDenied" and not self.exists(key))

    def _read(self, key: str) -> dict[str, Any]:
        content = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return dict(json.loads(content))

    def _write(self, key: str, content: dict[str, Any]) -> str:
        """Write an object; returns its etag."""
        body = json.dumps(content).encode()
        written = self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")
        return str(written["ETag"])


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
