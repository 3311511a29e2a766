"""The functions' modules, importable as they are inside Lambda, and the AWS they talk to."""

import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

# Inside Lambda a function's folder is the root of its imports ("lambda" cannot name a package in Python).
for name in ("classify", "trained_model"):
    sys.path.append(str(Path(__file__).parents[2] / "lambda" / name))

import classify
import cloudformation
import endpoint as endpoint_module
import jobs
import trained_model

from tests.lambda_.classify_calls import Aws
from tests.lambda_.fakes import FakeCloudFormation, FakeS3, FakeSageMaker
from tests.lambda_.servers import Server, serving
from tests.lambda_.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    s3 = FakeS3({"data/da7a/manifest.json": b"{}"})
    world = World(s3, FakeSageMaker(s3), FakeCloudFormation())
    clients = {"s3": world.s3, "sagemaker": world.sagemaker}
    monkeypatch.setattr(boto3, "client", clients.__getitem__)
    monkeypatch.setattr(cloudformation, "_put", world.cloudformation.put)
    monkeypatch.setattr(trained_model.time, "time", lambda: world.now)
    # A minute of waiting passes as fast as it can be counted.
    monkeypatch.setattr(jobs.time, "monotonic", lambda: world.now)
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds: setattr(world, "now", world.now + seconds))
    monkeypatch.setenv("BUCKET", "bucket")
    monkeypatch.setenv("JOB_PREFIX", "slipway-dev-")
    return world


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def server(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(aws) as running:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{running.server_address[1]}",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "URL_SUFFIX": "amazonaws.com",
            "ENDPOINT_NAME": "slipway-dev-0000",
            "ENDPOINT_TIMEOUT_SECONDS": "5",
            "MAX_IMAGE_BYTES": "100",
            "S3_IMAGES": "s3://bucket/images/",
            "URL_HOSTS": "*.example.com",
        }.items():
            monkeypatch.setenv(name, value)
        for made in (classify._endpoint, classify._s3_images, classify._url_images):
            made.cache_clear()
        monkeypatch.setattr(endpoint_module.random, "uniform", lambda low, high: 0)
        yield running
