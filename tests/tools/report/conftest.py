"""A deployment behind a stand-in for boto3's clients: real templates, a training's real files, events, an endpoint."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError

from settings import read_settings
from tests.stacks.conftest import synthesize_to
from tools.report.content import read_content
from tools.report.page import render
from training import pictures, report
from training.environment import Process
from training.export import Exported
from training.images import Images
from training.outcome import Epoch, History, Predictions, Score, Trained
from training.settings import Hyperparameters

BUCKET = "slipway-dev-000000000000-us-east-1"
DIGEST = "12ab" * 16
OUTPUT = "jobs/slipway-dev-12ab-1/output/output.tar.gz"
BEGIN = datetime(2026, 11, 28, 9, tzinfo=UTC)


def training_files(folder: Path, classes: list[str], labels: list[int], predicted: list[int]) -> dict[str, bytes]:
    """The files that a training with these test results writes (training/run.py)."""
    losses = np.where(np.array(labels) == np.array(predicted), 0.1, np.linspace(1, 2, len(labels)))
    test = Predictions(len(classes), np.array(labels), np.array(predicted), np.full(len(labels), 0.8), losses)
    cache = np.random.default_rng(0).integers(0, 255, (len(labels), 16, 16, 3), dtype=np.uint8)
    images = Images([Path(f"{number}.png") for number in range(len(labels))], labels, 16, cache)
    epochs = [
        Epoch(number, 2 / number, Score(2.2 / number, np.array([number]), np.array([4])), 1.5) for number in (1, 2, 3)
    ]
    trained = Trained(History(epochs, epochs[2]), lambda _: None, test, {"device": "cpu", "temperature": 1.25})
    exported = Exported("fp32", {"fp32": test}, "export-int8 is never")
    splits = {"train": images, "valid": images, "test": images}
    metrics = report.metrics(trained, exported, test, classes, splits, Hyperparameters(), Process())
    phases = {"decode": 1.25, "train": 4.5}
    report.write(folder, metrics | {"dataset": "e" * 64, "seconds": 9.0, "phases": phases, "peak_memory_mb": 300})
    pictures.draw(folder, trained.history, test, images, classes)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz, as SageMaker makes it of a job's output."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def refused(code: str, operation: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class DeployedStandIn:
    """All clients of one deployed system at once; a test changes what it is about."""

    def __init__(self, stacks: dict[str, Any], output: bytes) -> None:
        self.stacks = dict(stacks)
        self.objects = {
            f"models/{DIGEST}/result.json": json.dumps({"job": "slipway-dev-12ab-1", "test_accuracy": 0.75}).encode(),
            OUTPUT: output,
        }
        self.outputs: dict[str, dict[str, str]] = {
            "storage": {"BucketName": BUCKET},
            "trained-model": {"ModelDigest": DIGEST, "TestAccuracy": "{}"},
            "serving": {"EndpointName": "slipway-dev-ab12", "FunctionName": "slipway-dev-classify"},
        }
        self.endpoint: dict[str, Any] | ClientError = {
            "EndpointStatus": "InService",
            "EndpointConfigName": "config",
            "ProductionVariants": [{"CurrentInstanceCount": 2}],
        }
        self.live = DIGEST
        self.answer: dict[str, Any] = {"statusCode": 200, "body": json.dumps({"predictions": [], "model": "f" * 64})}
        self.denied: set[str] = set()

    def trained(self, files: Mapping[str, bytes]) -> None:
        """Replace the output of the training job."""
        self.objects[OUTPUT] = archive(files)

    def client(self, service: str, **_: Any) -> "DeployedStandIn":
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        suffix = StackName.removeprefix("slipway-dev-")
        if suffix not in self.stacks:
            raise refused("ValidationError", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.get(suffix, {}).items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:
        return {"TemplateBody": deepcopy(self.stacks[StackName.removeprefix("slipway-dev-")])}

    def get_paginator(self, operation: str) -> "DeployedStandIn":
        assert operation == "describe_stack_events"
        return self

    def paginate(self, *, StackName: str) -> Iterator[dict[str, Any]]:
        yield {"StackEvents": [event(StackName, StackName, "UPDATE_COMPLETE", 95)]}
        yield {"StackEvents": [event(StackName, "Endpoint", "UPDATE_COMPLETE", 90)]}
        yield {"StackEvents": [event(StackName, "Endpoint", "UPDATE_IN_PROGRESS", 10)]}
        yield {"StackEvents": [event(StackName, StackName, "UPDATE_IN_PROGRESS", 5)]}
        raise AssertionError("older events are not read")

    def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:
        if isinstance(self.endpoint, ClientError):
            raise self.endpoint
        return self.endpoint

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:
        return {"ProductionVariants": [{"ModelName": "model", "InstanceType": "ml.m5.large"}]}

    def describe_model(self, *, ModelName: str) -> dict[str, Any]:
        url = f"s3://{BUCKET}/models/{self.live}/model.tar.gz"
        return {"PrimaryContainer": {"ModelDataUrl": url, "Image": "registry/image@sha256:0"}}

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        return {
            "TrainingJobStatus": "Completed",
            "CreationTime": BEGIN,
            "ResourceConfig": {"InstanceCount": 4, "InstanceType": "ml.c5.xlarge"},
            "AlgorithmSpecification": {"TrainingImage": "registry/training:2"},
            "BillableTimeInSeconds": 100,
            "SecondaryStatusTransitions": [
                {"Status": "Training", "StartTime": BEGIN, "EndTime": BEGIN + timedelta(seconds=61)}
            ],
        }

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key.partition("/")[0] in self.denied:
            raise refused("AccessDenied", "GetObject", "you may not")
        if Key not in self.objects:
            raise refused("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def invoke(self, **_: Any) -> dict[str, Any]:
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


def event(stack: str, resource: str, status: str, second: int) -> dict[str, Any]:
    """One event of a stack; that of the stack itself has its id as physical id."""
    return {
        "StackId": f"id of {stack}",
        "PhysicalResourceId": f"id of {resource}",
        "LogicalResourceId": resource,
        "ResourceType": "AWS::CloudFormation::Stack" if resource == stack else "AWS::SageMaker::Endpoint",
        "ResourceStatus": status,
        "Timestamp": BEGIN + timedelta(seconds=second),
    }


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The templates with the settings of cdk.json, by the last part of the stack's name."""
    made = synthesize_to(tmp_path_factory.mktemp("cdk.out"))
    return {suffix: dict(template.to_json()) for suffix, template in made.items()}


@pytest.fixture
def aws(app: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeployedStandIn:
    """Three classes, of whose four test images two are mistaken; the working directory is empty."""
    files = training_files(tmp_path / "training", ["cat", "dog", "owl"], [0, 1, 1, 2], [0, 1, 2, 0])
    made = DeployedStandIn(app, archive(files))
    monkeypatch.setattr(boto3, "client", made.client)
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def page(aws: DeployedStandIn) -> Callable[..., str]:
    """The report of the deployment, made when it is called; with the settings given."""
    return lambda **given: render(read_content(read_settings(given), "000000000000", "us-east-1"))
