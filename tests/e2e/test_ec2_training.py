"""The EC2 training stack on a local AWS: its instance boots the template's own user data and trains."""

import json
import shutil
import tarfile
from pathlib import Path

import boto3
import pytest

from dataset.upload import upload
from deploy.cdk import CdkFailed
from deploy.stacks import outputs
from local_aws.home import Home
from training.folder import Folder, digest

from .conftest import QUICK, System

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def ready(aws: Home, digits: Folder) -> System:
    """Bucket and images, and the model of a SageMaker job."""
    system = System(digits, {**QUICK, "dataset": digest(digits), "ec2_training": "true"})
    system.deploy("storage", "permissions")
    upload(digits, outputs("e2e-dev-storage")["BucketName"])
    return system


def test_a_deploy_boots_trains_stores_and_ends_the_instance(ready: System, tmp_path: Path) -> None:
    ready.deploy("ec2-training")

    instance = outputs("e2e-dev-ec2-training")["InstanceId"]
    print(boto3.client("ec2").get_console_output(InstanceId=instance)["Output"])
