"""The functions' modules, importable as they are inside Lambda, and the AWS they talk to."""

import sys
from pathlib import Path

import boto3
import pytest

# Inside Lambda a function's folder is the root of its imports ("lambda" cannot name a package in Python).
for name in ("classify", "trained_model"):
    sys.path.append(str(Path(__file__).parents[2] / "lambda" / name))

import cloudformation
import jobs
import trained_model

from tests.lambda_.fakes import FakeCloudFormation, FakeS3, FakeSageMaker
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
