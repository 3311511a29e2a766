"""What a deploy does where a setting asks for it: notebook, own weights, tuning, spot. The last test removes it all."""

import threading
import time
from pathlib import Path

import boto3
import pytest
import torch

from local_aws.home import ACCOUNT, Home, read_env
from notebooks.execute import NOTEBOOK, execute
from tools.cdk import ROOT, CdkFailed
from tools.deploy.destroy import destroy
from tools.deploy.inventory import Deployment
from tools.deploy.stacks import deploy_everything
from tools.deploy.weights import upload
from tools.stack import outputs
from training.folder import Folder, digest
from training.model import build
from training.settings import Hyperparameters

from .conftest import QUICK, System, image_of, unproven

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder) -> System:
    system = System(digits, {**QUICK, "dataset": digest(digits), "notebook": "true", "export_int8": "never"})
    deploy_everything(system.synthesize(), digits, say=lambda _: None)
    return system


def test_the_notebook_walks_all_steps_with_its_own_role_and_changes_nothing_that_is_live(
    system: System, aws: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = system.endpoint()
    credentials = read_env(aws.scratch / "notebook-instances" / "e2e-dev-notebook.env")

    with monkeypatch.context() as as_instance:
        for name, value in credentials.items():
            as_instance.setenv(name, value)
        parameters = {
            "PREFIX": "e2e-dev",
            "IMAGES": str(system.images.root),
            "EPOCHS": 1,
            "INSTANCES": 2,
            "POLL_SECONDS": 1,
        }
        execute(NOTEBOOK, parameters, ROOT / "out" / "notebook-e2e.ipynb")

    assert system.endpoint() == live
    assert unproven("notebook", system.synthesize(), aws, "e2e-dev-notebook") == []


def test_a_head_on_given_weights_is_tuned_and_the_best_of_its_jobs_serves(system: System, tmp_path: Path) -> None:
    before, config = system.jobs(), system.endpoint()["EndpointConfigName"]
    torch.save(build(Hyperparameters(architecture=QUICK["architecture"]), 10, None).state_dict(), tmp_path / "own.pth")
    weights = upload(tmp_path / "own.pth", outputs("e2e-dev-storage")["BucketName"])

    system.deploy(weights=weights, trainable="head", tuning_max_jobs="2", tuning_learning_rate="0.001|0.1")

    tried = system.jobs()[len(before) :]
    assert [job.status for job in tried] == ["Completed", "Completed"]
    assert all(f"weights {weights[:12]}" in system.log(job) for job in tried)
    sagemaker = boto3.client("sagemaker")
    [tuning] = {sagemaker.describe_training_job(TrainingJobName=job.name)["TuningJobArn"] for job in tried}
    best = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning.rpartition("/")[2])
    assert best["BestTrainingJob"]["TrainingJobName"] in [job.name for job in tried]
    assert system.endpoint()["EndpointConfigName"] != config
    assert system.classifier()(image_of(system.images, "3")).label in system.images.classes


def test_a_spot_job_that_was_stopped_goes_on_in_the_next_deploy(system: System) -> None:
    def stop_after_an_epoch() -> None:
        while not (len(jobs := system.jobs()) > len(before) and "epoch=1 " in system.log(jobs[-1])):
            time.sleep(0.2)
        boto3.client("sagemaker").stop_training_job(TrainingJobName=jobs[-1].name)

    before, changes = system.jobs(), {"spot": "true", "epochs": "4", "seed": "3"}
    stopper = threading.Thread(target=stop_after_an_epoch, daemon=True)
    stopper.start()
    with pytest.raises(CdkFailed, match="Stopped"):
        system.deploy("trained-model", **changes)

    system.deploy("trained-model", **changes)

    stopped, resumed = system.jobs()[len(before) :]
    assert (stopped.status, resumed.status) == ("Stopped", "Completed")
    assert "stopped as asked (SIGTERM)" in system.log(stopped)
    assert "going on after" in system.log(resumed)


def test_destroying_it_leaves_the_data_and_then_nothing(system: System) -> None:
    deployment, quiet = Deployment("e2e", "dev", ACCOUNT), lambda _: None
    known = {
        "alarm", "bucket", "budget", "dashboard", "endpoint", "endpoint configuration", "function", "key", "key alias",
        "log group", "model", "notebook instance", "role", "rule", "scaling target", "stack", "topic", "training log",
    }  # fmt: skip
    assert {each.kind for each in deployment.find()} == known  # so that what is not found below is not there

    kept = destroy(deployment, keep_data=True, say=quiet)

    assert {each.kind for each in kept} == {"bucket", "key", "training log"}
    assert boto3.client("s3").list_objects_v2(Bucket=f"e2e-dev-{ACCOUNT}-us-east-1", Prefix="models/")["KeyCount"] > 0
    assert destroy(deployment, keep_data=False, say=quiet) == []
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
