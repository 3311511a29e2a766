"""The EC2 training stack on a local AWS: its instance boots the template's own user data and trains."""

import json
import tarfile
import threading
import time
from hashlib import sha256
from pathlib import Path

import boto3
import pytest
import torch

from local_aws.home import ACCOUNT, Home
from tools.dataset.upload import upload
from tools.deploy import weights
from tools.deploy.destroy import destroy
from tools.deploy.inventory import Deployment
from tools.stack import outputs
from training.digests import sha256_of
from training.folder import Folder, digest
from training.model import build
from training.settings import Hyperparameters

from .conftest import QUICK, System, image_of, unproven

pytestmark = pytest.mark.e2e
ALL_LAYERS = {"trainable": "all", "weights": "", "epochs": "4", "learning_rate": QUICK["learning_rate"]}


@pytest.fixture(scope="module")
def trained(aws: Home, digits: Folder, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A SageMaker job's model, and beside it the images and weights that the instance is to train on."""
    own = tmp_path_factory.mktemp("weights") / "own.pth"
    torch.save(build(Hyperparameters(architecture=QUICK["architecture"]), 10, None).state_dict(), own)
    head = {"trainable": "head", "weights": sha256_of(own), "learning_rate": "0.05", "ec2_training": "true"}
    system = System(digits, {**QUICK, **head, "dataset": digest(digits)})
    system.deploy("storage", "permissions")
    bucket = outputs("e2e-dev-storage")["BucketName"]
    upload(digits, bucket)
    weights.upload(own, bucket)
    system.deploy("trained-model")
    return system


def _artifacts(folder: Path) -> Path:
    """`folder` with all that an instance leaves."""
    bucket = outputs("e2e-dev-storage")["BucketName"]
    for name in ("model.onnx", "model.tar.gz", "metrics.json", "train.log"):
        boto3.client("s3").download_file(bucket, f"TrainedModels/{name}", str(folder / name))
    return folder


def test_it_makes_the_model_that_a_sagemaker_job_makes_and_the_endpoint_serves_it(
    trained: System, tmp_path: Path
) -> None:
    trained.deploy("ec2-training")

    made = _artifacts(tmp_path)
    [job] = trained.jobs()
    accuracy = json.loads((made / "metrics.json").read_text())["test"]["accuracy"]
    assert accuracy == pytest.approx(float(trained.log(job).rpartition("test:accuracy=")[2].split()[0]), abs=0.01)
    with tarfile.open(made / "model.tar.gz") as archive:
        archived = archive.extractfile("./model.onnx")
        assert archived is not None
        assert archived.read() == (made / "model.onnx").read_bytes()

    bucket, _, kept = outputs("e2e-dev-trained-model")["ModelDataUrl"].removeprefix("s3://").partition("/")
    boto3.client("s3").upload_file(str(made / "model.tar.gz"), bucket, kept)
    trained.deploy("serving")
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=trained.endpoint()["EndpointName"],
        ContentType="image/png",
        Body=image_of(trained.images, "3").read_bytes(),
    )
    assert json.loads(answer["Body"].read())["model"] == sha256((made / "model.onnx").read_bytes()).hexdigest()


def _interrupt() -> None:
    """A reboot in or after the first epoch, and in or after the second a stop that no process hears of."""
    ec2 = boto3.client("ec2")
    instance = _running_after("epoch=1 ")
    ec2.reboot_instances(InstanceIds=[instance])
    _running_after("epoch=2 ")
    ec2.stop_instances(InstanceIds=[instance], SkipOsShutdown=True)
    time.sleep(1)
    ec2.start_instances(InstanceIds=[instance])


def _running_after(line: str) -> str:
    """The running instance, once its console has the line."""
    ec2 = boto3.client("ec2")
    while True:
        time.sleep(0.2)
        for reservation in ec2.describe_instances()["Reservations"]:
            [instance] = reservation["Instances"]
            if instance["State"]["Name"] != "running":  # that of the test before has ended itself
                continue
            if line in ec2.get_console_output(InstanceId=instance["InstanceId"])["Output"]:
                return str(instance["InstanceId"])


def test_an_instance_that_is_rebooted_or_killed_under_its_training_goes_on(trained: System, tmp_path: Path) -> None:
    threading.Thread(target=_interrupt, daemon=True).start()

    trained.deploy("ec2-training", **ALL_LAYERS)

    log = (_artifacts(tmp_path) / "train.log").read_text()
    print(log)
    for line in ("booted again: going on", "going on after"):
        assert log.count(line) == 2
    for line in ("peak memory ", "cost of this run: "):
        assert line in log
    assert "cost of this run: " in outputs("e2e-dev-ec2-training")["Trained"]


def test_another_time_limit_is_another_wait_for_the_models_that_are_there(trained: System) -> None:
    """Neither a wait nor an instance that has ended can be updated."""
    jobs = [job.name for job in trained.jobs()]

    trained.deploy("trained-model", training_max_hours="3")
    trained.deploy("ec2-training", training_max_hours="3", **ALL_LAYERS)

    assert [job.name for job in trained.jobs()] == jobs
    assert "made before" in outputs("e2e-dev-ec2-training")["Trained"]


def test_every_call_of_the_instance_s_role_is_in_the_contract_and_was_needed(trained: System, aws: Home) -> None:
    assert unproven("EC2 training", trained.synthesize(), aws, "e2e-dev-ec2-training") == []


def test_destroying_it_leaves_nothing_of_instance_and_network(trained: System) -> None:
    deployment = Deployment("e2e", "dev", ACCOUNT)
    there = {each.kind for each in deployment.find()}
    assert {"instance profile", "network", "internet gateway"} <= there  # so that what is not found below is not there

    kept = destroy(deployment, keep_data=True, say=lambda _: None)

    assert {each.kind for each in kept} == {"bucket", "key", "training log"}
