"""S3 and SageMaker on a dictionary, and a folder of pictures."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.score import __main__ as command
from tools.score import job

BUCKET = "slipway-prod-000000000000-us-east-1"
MODEL = f"s3://{BUCKET}/models/12ab/model.tar.gz"
TEMPLATE: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::000000000000:role/slipway-prod-scoring-us-east-1",
    "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python", "-m", "serving.score"]},
    "ProcessingInputs": [{"InputName": "model", "S3Input": {"S3Uri": MODEL, "LocalPath": "/opt/ml/processing/model"}}],
    "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": "key"},
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    "NetworkConfig": {"EnableNetworkIsolation": True},
}
START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def result(image: str, label: str = "", code: str = "") -> dict[str, Any]:
    answer = {"predictions": [{"label": label, "probability": 0.9}]} if label else {"error": {"code": code}}
    return {"image": image, **answer, "model": "9f2c" * 16}


class Aws:
    """S3 on a dictionary, and SageMaker with a job that ends at the second look with `results` or `reason`."""

    def __init__(self) -> None:
        self.meta = type("Meta", (), {"endpoint_url": "https://s3"})
        self.objects: dict[str, bytes] = {"models/12ab/model.tar.gz": b"model"}
        self.results: list[list[dict[str, Any]]] = []
        self.status, self.reason = "Completed", ""
        self.refusal: ClientError | None = None
        self.request: dict[str, Any] = {}
        self.looks = 0
        self.interrupt = ""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        assert Bucket == BUCKET
        return {"KeyCount": min(MaxKeys, sum(key.startswith(Prefix) for key in self.objects))}

    def get_paginator(self, operation: str) -> Any:
        def paginate(*, Bucket: str, Prefix: str) -> Any:
            assert (operation, Bucket) == ("list_objects_v2", BUCKET)
            found = [{"Key": k, "Size": len(v)} for k, v in self.objects.items() if k.startswith(Prefix)]
            yield {"Contents": found[:2]}
            yield {"Contents": found[2:]}

        return type("Paginator", (), {"paginate": staticmethod(paginate)})

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        if self.interrupt == "upload":
            raise KeyboardInterrupt
        self.objects[Key] = Body.read()

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])

    def create_processing_job(self, **request: Any) -> None:
        if self.refusal:
            raise self.refusal
        self.request = request

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:
        assert ProcessingJobName == self.request["ProcessingJobName"]
        if self.interrupt == "job":
            raise KeyboardInterrupt
        if self.interrupt == "credentials":
            raise ClientError({"Error": {"Code": "ExpiredTokenException"}}, "DescribeProcessingJob")
        self.looks += 1
        if self.looks == 1:
            return {"ProcessingJobStatus": "InProgress"}
        prefix = self.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].partition(f"{BUCKET}/")[2]
        for number, lines in enumerate(self.results):
            body = "".join(json.dumps(line) + "\n" for line in lines)
            self.objects[f"{prefix}results-algo-1-{number}.jsonl"] = body.encode()
        ended = {"ProcessingStartTime": START, "ProcessingEndTime": START + timedelta(seconds=36)}
        reason = {"FailureReason": self.reason, "ExitMessage": "the model is broken"} if self.reason else {}
        return {**self.request, "ProcessingJobStatus": self.status, **ended, **reason}

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        return {"logStreams": []}


@pytest.fixture
def serving() -> dict[str, str]:
    """Outputs of the serving stack."""
    return {"ModelDataUrl": MODEL, "ScoringJob": json.dumps(TEMPLATE), "S3Images": f"s3://{BUCKET}/images/"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serving: dict[str, str]) -> Aws:
    aws = Aws()
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: aws)
    monkeypatch.setattr(job, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(command, "require_aws", lambda: ("000000000000", "us-east-1"))
    stacks = {"slipway-prod-serving": serving, "slipway-prod-storage": {"BucketName": BUCKET}}
    monkeypatch.setattr(command, "outputs", stacks.__getitem__)
    return aws


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "my pictures"
    for name in ("cat.jpg", "more/ü dog.jpg", "more/deep/notes.txt", ".DS_Store", "manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def score(*arguments: str) -> int:
    return command.main([*arguments, "--name", "n1", "--settings", "stage=prod"])
