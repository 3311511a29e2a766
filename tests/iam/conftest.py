"""The whole app's templates as plain data, synthesized once."""

import copy
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from app import CONTEXT, build
from iam.resolve import Template
from iam.template import load
from settings import read_settings
from tests.defaults import DEFAULTS

Templates = dict[str, Template]
ROLES = "slipway-dev-roles"
PUSHED = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/teams/classifier@sha256:{'5e' * 32}"


# What a deployment may have or not, and the contract's lines with `when` are about.
EVERYTHING = {
    "spot": True, "ec2_training": True, "notebook": True, "weights": "1" * 64, "trainable": "head",
    "endpoint_data_capture_percent": 5, "api": "iam", "alarm_email": "a@example.org",
}  # fmt: skip

# A private network, which excludes the EC2 instance and the notebook.
INSIDE = {"network": "private", "training_instance_count": 2}


def synthesize(outdir: Path, **settings: Any) -> Path:
    """The folder, after `cdk synth` has written into it with these settings over those of cdk.json."""
    app = App(context=CONTEXT, outdir=str(outdir), analytics_reporting=False, tree_metadata=False)
    build(app, read_settings(DEFAULTS | settings))
    app.synth()
    return outdir


@pytest.fixture(scope="session")
def with_everything(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The templates of a deployment to which every line of the contract applies that is not for tuning."""
    return load(synthesize(tmp_path_factory.mktemp("cdk.out"), **EVERYTHING))


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The same system with tuning, in a private network, and with an image that is not built by the deploy."""
    tuning = {"tuning_max_jobs": 8, "tuning_learning_rate": "0.001..0.1"}
    return load(synthesize(tmp_path_factory.mktemp("cdk.out"), **tuning, **INSIDE, serving_image=PUSHED))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `cdk synth` writes with the settings of cdk.json."""
    return synthesize(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def synthesized(folder: Path) -> Templates:
    return load(folder)


@pytest.fixture
def templates(synthesized: Templates) -> Templates:
    """A copy to break."""
    return copy.deepcopy(synthesized)


def is_role(resource: Template, suffix: str) -> bool:
    """True if the resource is the role `<prefix>-<suffix>-<region>`."""
    name = resource["Properties"].get("RoleName")
    return name == {"Fn::Join": ["", [f"slipway-dev-{suffix}-", {"Ref": "AWS::Region"}]]}


def role(templates: Templates, suffix: str) -> Template:
    """Properties of the role named `<prefix>-<suffix>-<region>`."""
    resources = templates[ROLES]["Resources"].values()
    [found] = [r["Properties"] for r in resources if is_role(r, suffix)]
    return found  # type: ignore[no-any-return]


def statement(templates: Templates, suffix: str, sid: str) -> Template:
    """The statement `sid` of a role, to be changed in place."""
    [policy] = role(templates, suffix)["Policies"]
    [found] = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == sid]
    return found  # type: ignore[no-any-return]
