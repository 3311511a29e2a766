"""A deploy under every other answer that AWS may give where its documents give none (docs/doubts.md)."""

from pathlib import Path

import boto3
import pytest

from tools.cdk import CdkFailed
from tools.classify_client import SteadyClient

from .broken_models import digest_of, keep_changed, without_numbers
from .conftest import System, image_of

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.fixture(scope="module")
def doubt() -> list[str]:
    return ["all"]


def test_the_first_deploy_trains_once_and_serves(system: System) -> None:
    [job] = system.jobs()
    assert job.status == "Completed"
    assert system.classifier()(image_of(system.images, "3")).label in system.images.classes


def test_what_sagemaker_took_back_fails_the_stack_and_what_was_live_stays_whole(system: System, tmp_path: Path) -> None:
    """CloudFormation sees a success, and would delete the live configuration, its model and its alarms."""
    live, images = system.endpoint(), system.images.splits["test"].files
    keep_changed(digest_of(system, seed="8"), tmp_path, without_numbers)

    with (
        SteadyClient("e2e-dev-classify", images) as client,
        pytest.raises(CdkFailed, match="SageMaker took the deployment back"),
    ):
        system.deploy(seed="8")

    assert system.endpoint()["EndpointConfigName"] == live["EndpointConfigName"]
    [serving] = boto3.client("cloudformation").describe_stacks(StackName="e2e-dev-serving")["Stacks"]
    assert serving["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"  # without the endpoint, which SageMaker refuses
    assert "Resource rollback skipped by user" in system.events("serving")
    assert 0 < len(client.errors) < client.calls
    system.deploy()  # converges: what the stack has is what is live
    assert system.classifier()(images[0]).label in system.images.classes
