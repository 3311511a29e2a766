"""The whole app, synthesized once for all tests of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from app import CONTEXT, build
from settings import read_settings
from tests.defaults import DEFAULTS

Synthesize = Callable[..., dict[str, Template]]


def synthesize_to(outdir: Path, **settings: Any) -> dict[str, Template]:
    """The templates by the last part of the stack's name, for example "trained-model"."""
    app = App(context=CONTEXT, outdir=str(outdir), analytics_reporting=False, tree_metadata=False)
    build(app, read_settings(DEFAULTS | settings))
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    return {stack.stack_name.split("-", 2)[2]: Template.from_stack(stack) for stack in stacks}


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The app with the settings of cdk.json."""
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def gpu_fleet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The app with everything that can be switched the other way."""
    return synthesize_to(
        tmp_path_factory.mktemp("cdk.out"),
        training_instance_type="ml.g4dn.xlarge",
        training_instance_count=4,
        endpoint_instance_type="ml.m5d.large",
        lambda_provisioned_concurrency=0,
        lambda_reserved_concurrency=0,
        api="jwt",
        api_jwt_issuer="https://login.example.com/",
        api_jwt_audience="web|mobile",
        api_cors_origins="https://app.example.com|http://localhost:3000",
        spot=True,
        ec2_training=True,
        image_size=64,  # which fits the instance
        notebook=True,
        keep_data=False,
    )


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The app in a private network."""
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"), network="private")


@pytest.fixture
def synthesize(tmp_path: Path) -> Iterator[Synthesize]:
    """Synthesize again, with settings of the test's own."""
    yield lambda **settings: synthesize_to(tmp_path / "cdk.out", **settings)
