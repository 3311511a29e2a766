"""One deploy trains and serves; what it may and may not change afterwards. The tests build on each other."""

import json
import tarfile
import threading
import time
from pathlib import Path

import boto3
import pytest
import torch

from demo import evidence
from demo.classify import ClassifyFailed, SteadyClient
from deploy import cdk
from deploy.cdk import CdkFailed
from deploy.destroy import destroy
from deploy.inventory import Deployment
from deploy.stacks import outputs
from deploy.weights import upload
from local_aws.home import ACCOUNT, Home, read_env
from notebooks.execute import NOTEBOOK, execute
from training.model import build
from training.settings import Settings

from .conftest import QUICK, System, image_of

pytestmark = pytest.mark.e2e


def test_the_first_deploy_trains_once_and_the_lambda_answers(system: System) -> None:
    [job] = system.jobs()

    assert (job.status, job.instances, len(job.log_streams)) == ("Completed", 1, 1)
    assert system.endpoint()["EndpointStatus"] == "InService"
    answer = system.classifier()(image_of(system.images, "3"))
    assert answer.label in system.images.classes
    assert 0 < answer.probability <= 1


def test_an_image_in_s3_is_classified_like_one_that_is_sent(system: System) -> None:
    image = image_of(system.images, "3")
    assert system.classifier().from_s3(image, outputs("e2e-dev-classify")["S3Images"]) == system.classifier()(image)


def test_a_deploy_with_nothing_changed_trains_nothing(system: System) -> None:
    before, model = system.jobs(), system.endpoint()["EndpointConfigName"]

    system.deploy()

    assert system.jobs() == before
    assert system.endpoint()["EndpointConfigName"] == model


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({}, 400, "MissingImage"),
        ({"image": "@@@"}, 400, "NotBase64"),
        ({"image": "aGVsbG8="}, 415, "UnsupportedImage"),
        ({"image": "iVBORw0KGgpkYW1hZ2Vk"}, 422, "NotAnImage"),
        ({"image": "A" * (4 * 2**20 * 4 // 3 + 8)}, 413, "ImageTooLarge"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, 400, "UrlNotAllowed"),
        ({"s3": "s3://somewhere/else.png"}, 400, "S3NotAllowed"),
    ],
    ids=["no image", "not base64", "not an image", "damaged image", "too many bytes", "metadata", "foreign object"],
)
def test_what_the_lambda_cannot_classify_gets_the_right_status(
    system: System, event: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(ClassifyFailed) as refusal:
        system.classifier().invoke(event)

    answer = json.loads(str(refusal.value))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (status, code)


def test_a_changed_hyperparameter_trains_once_and_updates_the_endpoint_under_a_calling_client(
    system: System,
) -> None:
    before, endpoint = system.jobs(), system.endpoint()

    with SteadyClient("e2e-dev-classify", system.images.splits["test"].files) as client:
        system.deploy(seed="1")

    assert len(system.jobs()) == len(before) + 1
    after = system.endpoint()
    assert after["EndpointArn"] == endpoint["EndpointArn"]
    assert after["EndpointConfigName"] != endpoint["EndpointConfigName"]
    assert client.errors == []
    assert client.calls > 10


def test_going_back_to_a_model_already_made_trains_nothing(system: System) -> None:
    before = system.jobs()

    system.deploy()

    assert system.jobs() == before


def test_a_model_under_the_floor_is_not_deployed_and_the_old_one_keeps_serving(system: System) -> None:
    config = system.endpoint()["EndpointConfigName"]

    with pytest.raises(CdkFailed, match=r"under the floor 0\.999"):
        system.deploy(seed="2", epochs="1", accuracy_floor="0.999")

    assert any("is under the floor 0.999" in reason for reason in system.events("trained-model"))
    assert system.endpoint()["EndpointConfigName"] == config
    assert system.classifier()(image_of(system.images, "5")).label in system.images.classes


def test_the_same_model_under_a_lower_floor_is_deployed_without_training_it_again(system: System) -> None:
    before = system.jobs()

    system.deploy(seed="2", epochs="1", accuracy_floor="0.05")

    assert system.jobs() == before


def test_a_failed_job_rolls_the_stack_back_with_the_job_s_own_reason(system: System) -> None:
    config, reason = system.endpoint()["EndpointConfigName"], "batches of 2 images cannot be split over 3 instances"

    with pytest.raises(CdkFailed, match=reason):
        system.deploy(training_instance_count="3", batch_size="3")

    failed = system.jobs()[-1]
    assert failed.status == "Failed"
    assert any(failed.name in line and reason in line for line in system.events("trained-model"))
    assert system.endpoint()["EndpointConfigName"] == config


def test_every_call_of_a_role_is_in_the_contract_and_every_traced_line_was_needed(system: System, aws: Home) -> None:
    assembly = system.synthesize().folder
    done = evidence.gather("end-to-end tests", assembly, aws.calls, "us-east-1")

    assert evidence.prove(assembly, done, cdk.ROOT / "out" / "iam-trace-e2e.json") == []
    assert evidence.in_words(done).endswith("by 4 roles, 0 denied")


def test_the_notebook_walks_all_steps_with_its_own_role_and_changes_nothing_that_is_live(
    system: System, aws: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = system.endpoint()
    system.deploy("notebook", notebook="true", seed="2", epochs="1", accuracy_floor="0.05")
    credentials = read_env(aws.scratch / "notebook-instances" / "e2e-dev-notebook.env")

    with monkeypatch.context() as as_instance:
        for name, value in credentials.items():
            as_instance.setenv(name, value)
        parameters = {"PREFIX": "e2e-dev", "IMAGES": str(system.images.root), "EPOCHS": 1, "POLL_SECONDS": 1}
        execute(NOTEBOOK, parameters, cdk.ROOT / "out" / "notebook-e2e.ipynb")

    assert system.endpoint() == live
    assembly = system.synthesize(notebook="true", seed="2", epochs="1", accuracy_floor="0.05").folder
    done = evidence.gather("notebook", assembly, aws.calls, "us-east-1")
    assert evidence.prove(assembly, done, cdk.ROOT / "out" / "iam-trace-notebook.json") == []
    assert evidence.in_words(done).endswith("by 5 roles, 0 denied")


# What follows makes calls that the contract has only with weights, tuning or spot: after the evidence is gathered.


def test_a_head_on_given_weights_is_tuned_and_the_best_of_its_jobs_serves(system: System, tmp_path: Path) -> None:
    before, config = system.jobs(), system.endpoint()["EndpointConfigName"]
    torch.save(build(Settings(architecture=QUICK["architecture"]), 10, None).state_dict(), tmp_path / "own.pth")
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

    before, changes = system.jobs(), {"spot": "true", "epochs": "6", "seed": "3"}
    stopper = threading.Thread(target=stop_after_an_epoch, daemon=True)
    stopper.start()
    with pytest.raises(CdkFailed, match="Stopped"):
        system.deploy("trained-model", **changes)

    system.deploy("trained-model", **changes)

    stopped, resumed = system.jobs()[len(before) :]
    assert (stopped.status, resumed.status) == ("Stopped", "Completed")
    assert "stopped as asked (SIGTERM)" in system.log(stopped)
    assert "going on after" in system.log(resumed)


def test_an_archive_without_a_model_is_taken_back_and_no_caller_notices(system: System, tmp_path: Path) -> None:
    live, changed = system.endpoint(), system.synthesize(seed="7")
    template = json.loads((changed.folder / f"{changed.stack('trained-model')}.template.json").read_text())
    _keep_without_model(template["Outputs"]["ModelDigest"]["Value"], tmp_path)

    with (
        SteadyClient("e2e-dev-classify", system.images.splits["test"].files) as client,
        pytest.raises(CdkFailed, match="ping health check"),
    ):
        system.deploy(seed="7")

    assert system.endpoint()["EndpointConfigName"] == live["EndpointConfigName"]
    assert client.errors == []
    assert client.calls > 10


def _keep_without_model(digest: str, folder: Path) -> None:
    """As if training had made the digest's model, but with an archive in which the model is missing."""
    s3, bucket = boto3.client("s3"), outputs("e2e-dev-storage")["BucketName"]
    _, _, live = outputs("e2e-dev-trained-model")["ModelDataUrl"].removeprefix("s3://").partition("/")
    s3.download_file(bucket, live, str(folder / "whole.tar.gz"))
    with tarfile.open(folder / "whole.tar.gz") as whole, tarfile.open(folder / "model.tar.gz", "w:gz") as rest:
        for member in whole:
            if not member.name.endswith(".onnx"):
                rest.addfile(member, whole.extractfile(member))
    s3.upload_file(str(folder / "model.tar.gz"), bucket, f"models/{digest}/model.tar.gz")
    result = json.dumps({"job": "none", "test_accuracy": 1.0})
    s3.put_object(Bucket=bucket, Key=f"models/{digest}/result.json", Body=result.encode())


def test_a_data_set_that_is_not_there_is_named_with_the_command_that_uploads_it(system: System) -> None:
    with pytest.raises(CdkFailed, match="python -m dataset upload"):
        system.deploy(dataset="0" * 64)


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
