"""The endpoint's image: the same asset on every machine, and no part of what a model is identified by."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Stack
from aws_cdk.assertions import Template

from settings import read_settings
from stacks.serving_image import ServingImage
from stacks.training_program import TrainingProgram
from tests.defaults import DEFAULTS
from tests.stacks.conftest import Synthesize, synthesize_to
from tests.stacks.resources import only, text

ROOT = Path(__file__).parents[2]
PUSHED = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/teams/classifier@sha256:{'5e' * 32}"


def _image(stacks: dict[str, Template]) -> str:
    return text(only(stacks["serving"], "AWS::SageMaker::Model")["PrimaryContainer"]["Image"])


def _model(stacks: dict[str, Template]) -> str:
    """Digest of the model: the same digest is never trained twice."""
    return str(only(stacks["trained-model"], "Custom::TrainedModel")["Digest"])


def _images(outdir: Path) -> list[dict[str, Any]]:
    """Images in the serving stack's list of assets, which `cdk deploy` builds."""
    return list(json.loads((outdir / "slipway-dev-serving.assets.json").read_text())["dockerImages"].values())


def _copy(folder: Path) -> Path:
    """The sources of the image and of the training program, to be changed."""
    leave = shutil.ignore_patterns("__pycache__", "*.whl")
    for part in ("serving", "training"):
        shutil.copytree(ROOT / part, folder / part, ignore=leave)
    (folder / "training/wheels").mkdir(exist_ok=True)
    (folder / "training/wheels/engine.whl").touch()
    return folder


def _digests(source: Path) -> tuple[str, str]:
    """Digest of the training program, an ingredient of the model's, and address of the image."""
    stack = Stack(App(outdir=str(source.parent / f"{source.name}.out")), "stack")
    program = TrainingProgram(stack, "Program", source=source)
    image = ServingImage(stack, "Image", settings=read_settings(DEFAULTS), source=source / "serving")
    CfnOutput(stack, "Uri", value=image.uri)
    return program.digest, text(Template.from_stack(stack).to_json()["Outputs"]["Uri"]["Value"])


def test_the_image_comes_from_the_cdks_repository_in_the_account_and_region_of_the_deploy(
    templates: dict[str, Template],
) -> None:
    repository, _, tag = _image(templates).rpartition(":")
    assert repository == (
        "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
        "/cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}"
    )
    assert len(tag) == 64


def test_the_model_gets_no_environment(templates: dict[str, Template]) -> None:
    """SageMaker adds its own; what the server needs beyond that stands in the Dockerfile."""
    assert set(only(templates["serving"], "AWS::SageMaker::Model")["PrimaryContainer"]) == {"Image", "ModelDataUrl"}


@pytest.mark.parametrize(
    ("instance_type", "platform"),
    [("ml.m5.large", "linux/amd64"), ("ml.m5d.large", "linux/amd64"), ("ml.c7g.large", "linux/arm64")],
)
def test_the_image_is_built_for_the_endpoints_processor(tmp_path: Path, instance_type: str, platform: str) -> None:
    synthesize_to(tmp_path, endpoint_instance_type=instance_type)
    (asset,) = _images(tmp_path)
    assert asset["source"]["platform"] == platform


def test_another_processor_is_another_image_and_trains_nothing(
    templates: dict[str, Template], synthesize: Synthesize
) -> None:
    graviton = synthesize(endpoint_instance_type="ml.c7g.large")
    assert _image(graviton) != _image(templates)
    assert _model(graviton) == _model(templates)


def test_the_image_has_a_manifest_that_sagemaker_takes(tmp_path: Path) -> None:
    """SageMaker refuses OCI manifests: https://github.com/aws/amazon-sagemaker-feedback/issues/180."""
    synthesize_to(tmp_path)
    (asset,) = _images(tmp_path)
    assert asset["source"]["dockerOutputs"] == ["type=docker,oci-mediatypes=false"]


def test_what_docker_gets_is_what_the_dockerfile_copies(tmp_path: Path) -> None:
    synthesize_to(tmp_path)
    (asset,) = _images(tmp_path)
    given = {path.name for path in (tmp_path / asset["source"]["directory"]).iterdir()}
    modules = {path.name for path in (ROOT / "serving").glob("*.py")}
    assert given == {"Dockerfile", "requirements.txt", *modules}


@pytest.mark.parametrize(
    "beside", ["__pycache__/app.cpython-313.pyc", "app.pyc", ".DS_Store", ".env", "requirements.in", "README.md"]
)
def test_what_is_no_part_of_the_image_does_not_change_it(tmp_path: Path, beside: str) -> None:
    here, there = _copy(tmp_path / "here"), _copy(tmp_path / "there")
    (there / "serving" / beside).parent.mkdir(exist_ok=True)
    (there / "serving" / beside).write_text("x")
    assert _digests(here)[1] == _digests(there)[1]


@pytest.mark.parametrize(
    ("changed", "trains", "is_built"),
    [
        ("serving/app.py", False, True),
        ("serving/requirements.txt", False, True),
        ("serving/Dockerfile", False, True),
        ("serving/preprocessing.py", True, True),
        ("serving/image_png.py", True, True),
        ("training/loop.py", True, False),
    ],
)
def test_a_new_server_is_deployed_and_trains_nothing(
    tmp_path: Path, changed: str, trains: bool, is_built: bool
) -> None:
    before, after = _copy(tmp_path / "before"), _copy(tmp_path / "after")
    with (after / changed).open("a") as file:
        file.write("#")
    (program, image), (new_program, new_image) = _digests(before), _digests(after)
    assert (new_program != program, new_image != image) == (trains, is_built)


def test_a_pushed_image_is_served_as_it_is_and_trains_nothing(
    templates: dict[str, Template], synthesize: Synthesize, tmp_path: Path
) -> None:
    pushed = synthesize(serving_image=PUSHED)
    assert _image(pushed) == PUSHED
    assert not _images(tmp_path / "cdk.out")
    assert _model(pushed) == _model(templates)
