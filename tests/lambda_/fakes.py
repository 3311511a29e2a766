"""The part of AWS that the trained model's function uses, in memory, as boto3 clients show it."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


def client_error(code: str, message: str, *, status: int = 400, operation: str = "Call") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


@dataclass
class FakeS3:
    """One bucket. `refusing` makes an operation fail."""

    objects: dict[str, bytes] = field(default_factory=dict)
    refusing: dict[str, ClientError] = field(default_factory=dict)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        found = sorted(key for key in self.objects if key.startswith(Prefix))[:MaxKeys]
        return {"Contents": [{"Key": key} for key in found]} if found else {}

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield self.list_objects_v2(Bucket=Bucket, Prefix=Prefix, MaxKeys=1000)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self._maybe_refuse("get_object")
        if Key not in self.objects:
            # Without a right to list that covers the key: GetObject, S3 API reference, "Permissions".
            raise client_error("AccessDenied", "Access Denied", status=403)
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": _etag(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, str]:
        self.objects[Key] = Body
        return {"ETag": _etag(Body)}

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:
        self._maybe_refuse("copy_object")
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str) -> None:
        self._maybe_refuse("delete_object")
        if Key not in self.objects:
            raise client_error("NoSuchKey", "The specified key does not exist.", status=404)
        if _etag(self.objects[Key]) != IfMatch:
            raise client_error("PreconditionFailed", "At least one of the preconditions did not hold", status=412)
        del self.objects[Key]

    def _maybe_refuse(self, operation: str) -> None:
        if operation in self.refusing:
            raise self.refusing[operation]


@dataclass
class FakeSageMaker:
    """Training and tuning jobs by name. `refusals` are raised by the next calls that create a job.

    Final metrics are missing in the next `late` descriptions of a job that has them.
    """

    s3: FakeS3
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tuning_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[ClientError] = field(default_factory=list)
    late: int = 0

    def create_training_job(self, **request: Any) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.requests.append(request)
        self.jobs[request["TrainingJobName"]] = {"TrainingJobStatus": "InProgress"}

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        if TrainingJobName not in self.jobs:
            raise client_error("ValidationException", "Requested resource not found.")
        job = {"TrainingJobName": TrainingJobName, **self.jobs[TrainingJobName]}
        if "FinalMetricDataList" in job and self.late:
            self.late -= 1
            job["FinalMetricDataList"] = []
        return job

    def stop_training_job(self, *, TrainingJobName: str) -> None:
        if TrainingJobName not in self.jobs:
            raise client_error("ValidationException", "Requested resource not found.")
        if self.jobs[TrainingJobName]["TrainingJobStatus"] != "InProgress":
            raise client_error("ValidationException", "The job is not running.")
        self.jobs[TrainingJobName] = {"TrainingJobStatus": "Stopped"}

    def create_hyper_parameter_tuning_job(self, **request: Any) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.requests.append(request)
        self.tuning_jobs[request["HyperParameterTuningJobName"]] = {"HyperParameterTuningJobStatus": "InProgress"}

    def describe_hyper_parameter_tuning_job(self, *, HyperParameterTuningJobName: str) -> dict[str, Any]:
        if HyperParameterTuningJobName not in self.tuning_jobs:
            raise client_error("ResourceNotFound", "Amazon SageMaker can't find a tuning job of that name.")
        return self.tuning_jobs[HyperParameterTuningJobName]

    def stop_hyper_parameter_tuning_job(self, *, HyperParameterTuningJobName: str) -> None:
        self.tuning_jobs[HyperParameterTuningJobName] = {"HyperParameterTuningJobStatus": "Stopped"}

    def complete_tuning(self, name: str, accuracies: list[float]) -> str:
        """End a tuning job well; returns the name of its best training job, the first here."""
        for number, accuracy in enumerate(accuracies, 1):
            self.complete(f"{name}-{number:03}-0a1b2c3d", accuracy)
        best = f"{name}-001-0a1b2c3d"
        self.tuning_jobs[name] = {
            "HyperParameterTuningJobStatus": "Completed",
            "BestTrainingJob": {"TrainingJobName": best},
        }
        return best

    def complete(
        self, name: str, accuracy: float | None, balanced: float | None = None, lowest: float | None = None
    ) -> None:
        """End a job well, with its model in the bucket; classes are alike unless `balanced` or `lowest` says so."""
        logged = {
            "test:accuracy": accuracy,
            "test:balanced_accuracy": accuracy if balanced is None else balanced,
            "test:lowest_class_accuracy": accuracy if lowest is None else lowest,
        }
        metrics = [{"MetricName": name, "Value": value} for name, value in logged.items() if value is not None]
        self.jobs[name] = {"TrainingJobStatus": "Completed", "FinalMetricDataList": metrics}
        self.s3.objects[f"jobs/{name}/output/model.tar.gz"] = f"model of {name}".encode()

    def fail(self, name: str, reason: str) -> None:
        self.jobs[name] = {"TrainingJobStatus": "Failed", "FailureReason": reason}


@dataclass
class FakeCloudFormation:
    """Takes the answers of custom resources and the signals of waits, by URL."""

    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusing: dict[str, Exception] = field(default_factory=dict)

    def put(self, url: str, body: dict[str, Any]) -> None:
        if url in self.refusing:
            raise self.refusing[url]
        self.received.append((url, body))

    def sent_to(self, url: str) -> list[dict[str, Any]]:
        return [body for address, body in self.received if address == url]
