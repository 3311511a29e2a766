"""The whole system in a private network trains, serves and scores, and fails without one of its endpoints."""

from pathlib import Path

import boto3
import pytest

from local_aws.calls import read
from local_aws.home import Home
from settings import read_settings
from tests.e2e.scoring import score
from tools.cdk import CdkFailed
from tools.classify_client import ClassifyFailed
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.preflight.target import Target
from tools.deploy.stacks import deploy_everything
from tools.preflight import require_aws
from tools.stack import outputs
from training.folder import Folder, digest

from .conftest import QUICK, System, image_of

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder) -> System:
    system = System(digits, {**QUICK, "dataset": digest(digits), "network": "private"})
    make_scaling_roles(Target(read_settings(system.settings), *require_aws(), system.synthesize), say=print)
    deploy_everything(system.synthesize(), digits, layout="files", say=lambda _: None)
    return system


def take_out(service: str) -> None:
    """Delete the VPC endpoint of a service."""
    client = boto3.client("ec2")
    for endpoint in client.describe_vpc_endpoints()["VpcEndpoints"]:
        if endpoint["ServiceName"].endswith(f".{service}"):
            client.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])


def test_it_classifies_images_that_are_sent_and_stored_and_none_by_url(system: System) -> None:
    image = image_of(system.images, "3")
    sent = system.classifier()(image)
    assert system.classifier().from_s3(image, outputs("e2e-dev-serving")["S3Images"]) == sent
    with pytest.raises(ClassifyFailed, match="UrlNotAllowed"):
        system.classifier().invoke({"url": "https://example.com/cat.png"})


def test_it_scores_a_folder(
    system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "three.png").write_bytes(image_of(system.images, "3").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
    _, results = score(capsys, "images")
    assert "predictions" in results["three.png"]


def test_no_role_is_denied_anything(system: System, aws: Home) -> None:
    assert [call for call in read(aws.calls) if call.role.startswith("e2e-dev-") and not call.allowed] == []


def test_without_the_endpoint_of_sagemaker_runtime_nothing_is_classified(system: System) -> None:
    take_out("sagemaker.runtime")
    with pytest.raises(ClassifyFailed):
        system.classifier()(image_of(system.images, "3"))


def test_without_the_endpoint_of_sagemaker_nothing_is_trained(system: System) -> None:
    take_out("sagemaker.api")
    with pytest.raises(CdkFailed):
        system.deploy("trained-model", epochs="2")
    assert any(
        "has no VPC endpoint com.amazonaws.us-east-1.sagemaker.api" in each for each in system.events("trained-model")
    )
