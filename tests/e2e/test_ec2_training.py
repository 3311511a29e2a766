"""The EC2 training stack on a local AWS: its instance boots the template's own user data and trains."""

import json
import tarfile
import threading
import time
from hashlib import sha256
from pathlib import Path

import boto3
import pytest

from dataset.upload import upload
from deploy.stacks import outputs
from local_aws.home import Home
from training.folder import Folder, digest

from .conftest import QUICK, System, image_of, unproven

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def trained(aws: Home, digits: Folder) -> System:
    """A SageMaker job's model, and beside it the images that the instance is to train on."""
    system = System(digits, {**QUICK, "dataset": digest(digits), "ec2_training": "true", "epochs": "4"})
    system.deploy("storage", "permissions")
    upload(digits, outputs("e2e-dev-storage")["BucketName"])
    system.deploy("trained-model")
    return system


def _reboot_after_an_epoch() -> None:
    ec2 = boto3.client("ec2")
    while True:
        time.sleep(0.2)
        for reservation in ec2.describe_instances()["Reservations"]:
            instance = reservation["Instances"][0]["InstanceId"]
            if "epoch=1 " in ec2.get_console_output(InstanceId=instance)["Output"]:
                ec2.reboot_instances(InstanceIds=[instance])
                return


def test_an_instance_that_is_rebooted_under_its_training_goes_on_to_a_model_that_the_endpoint_serves(
    trained: System, tmp_path: Path
) -> None:
    threading.Thread(target=_reboot_after_an_epoch, daemon=True).start()

    trained.deploy("ec2-training")

    bucket, s3 = outputs("e2e-dev-storage")["BucketName"], boto3.client("s3")
    for name in ("model.onnx", "model.tar.gz", "metrics.json", "train.log"):
        s3.download_file(bucket, f"TrainedModels/{name}", str(tmp_path / name))
    log = (tmp_path / "train.log").read_text()
    print(log)
    for line in ("booted again: going on", "going on after", "peak memory ", "cost of this run: "):
        assert line in log
    assert "cost of this run: " in outputs("e2e-dev-ec2-training")["Trained"]
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        archived = archive.extractfile("./model.onnx")
        assert archived is not None
        assert archived.read() == (tmp_path / "model.onnx").read_bytes()
    [job] = trained.jobs()
    accuracy = json.loads((tmp_path / "metrics.json").read_text())["test"]["accuracy"]
    assert accuracy == pytest.approx(float(trained.log(job).rpartition("test:accuracy=")[2].split()[0]), abs=0.01)

    _, _, kept = outputs("e2e-dev-trained-model")["ModelDataUrl"].removeprefix("s3://").partition("/")
    s3.upload_file(str(tmp_path / "model.tar.gz"), bucket, kept)
    trained.deploy("serving")

    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=trained.endpoint()["EndpointName"],
        ContentType="image/png",
        Body=image_of(trained.images, "3").read_bytes(),
    )
    assert json.loads(answer["Body"].read())["model"] == sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()


def test_every_call_of_the_instance_s_role_is_in_the_contract_and_was_needed(trained: System, aws: Home) -> None:
    assert unproven("EC2 training", trained.synthesize(), aws, "e2e-dev-ec2-training") == []
