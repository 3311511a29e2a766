"""Deploys by setting: notebook, own weights, an HTTP API, tuning, spot, training on an EC2 instance.

The tests build on each other, and the last one removes it all.
"""

import json
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import boto3
import pytest

from local_aws.home import ACCOUNT, Home, read_env
from notebooks.execute import NOTEBOOK, execute
from tests.local_aws.http_api.conftest import Api
from tests.local_aws.http_api.issuer import Issuer
from tests.waiting import until
from tools.cdk import ROOT, CdkFailed
from tools.dataset.upload import upload
from tools.deploy import weights
from tools.deploy.convert_weights import pack
from tools.deploy.destroy import destroy
from tools.deploy.inventory import Deployment
from tools.stack import outputs
from training.digests import sha256_of
from training.folder import Folder, digest
from training.model import build
from training.settings import Hyperparameters

from .conftest import QUICK, System, image_of, unproven

pytestmark = [pytest.mark.e2e, pytest.mark.long]  # tests/e2e/test_train_then_serve.py proves the default way

# Enough epochs that a training still runs when a test stops it after the first.
LONGER = {"epochs": "30"}
ALL_LAYERS = {"trainable": "all", "weights": "", "learning_rate": QUICK["learning_rate"], **LONGER}


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A head trained on own weights, served, with a notebook and an HTTP API for signed requests."""
    network = build(Hyperparameters(architecture=QUICK["architecture"]), 10, None)
    own = pack(network, QUICK["architecture"], tmp_path_factory.mktemp("weights"))
    head = {"trainable": "head", "weights": sha256_of(own), "learning_rate": "0.05"}
    system = System(digits, {**QUICK, **head, "dataset": digest(digits), "notebook": "true", "api": "iam"})
    system.deploy("storage")
    bucket = outputs("e2e-dev-storage")["BucketName"]
    upload(digits, bucket, "files")
    weights.upload(own, bucket)
    system.deploy()
    return system


@pytest.fixture(scope="module")
def with_ec2(system: System) -> System:
    """The same settings and the training on an instance; its first deploy is a test."""
    return System(system.images, {**system.settings, "ec2_training": "true"})


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
            "TUNING_JOBS": 1,
            "POLL_SECONDS": 1,
        }
        execute(NOTEBOOK, parameters, ROOT / "out" / "notebook-e2e.ipynb")

    assert system.endpoint() == live
    assert unproven("notebook", system.synthesize(), aws, "notebook") == []
    assert unproven("notebook", system.synthesize(), aws, "notebook-trial") == []


def test_an_image_is_posted_to_the_http_api_with_a_signature_and_then_with_a_token(system: System, aws: Home) -> None:
    image = image_of(system.images, "3")
    content, expected = image.read_bytes(), system.classifier()(image)
    api = Api(outputs("e2e-dev-serving")["ApiUrl"], aws, "e2e-dev-serving")

    signed = api.call(content, **api.signed(content, content_type="image/png", query="k=1"), query="k=1")
    [prediction] = signed.body["predictions"]
    assert (signed.status, prediction["label"]) == (200, expected.label)
    assert api.call(content, content_type="image/png").refusal == (403, "Forbidden")
    empty = api.call(b"", **api.signed(b""))
    assert (empty.status, empty.body["error"]["code"]) == (400, "MissingImage")

    issuer = Issuer(aws.scratch / "ministack-tls")
    system.deploy("serving", api="jwt", api_jwt_issuer=issuer.url, api_jwt_audience="web")
    assert outputs("e2e-dev-serving")["ApiUrl"] == api.url
    with_token = api.call(content, content_type="image/png", authorization=f"Bearer {issuer.token()}")
    assert with_token.body["predictions"][0]["label"] == expected.label
    assert api.call(content, **api.signed(content)).refusal == (401, "Unauthorized")
    issuer.server.shutdown()


def test_a_head_on_given_weights_is_tuned_and_the_best_of_its_jobs_serves(system: System) -> None:
    before, config = system.jobs(), system.endpoint()["EndpointConfigName"]

    system.deploy(tuning_max_jobs="2", tuning_learning_rate="0.001|0.1")

    tried = system.jobs()[len(before) :]
    assert [job.status for job in tried] == ["Completed", "Completed"]
    assert all(f"weights {system.settings['weights'][:12]}" in system.log(job) for job in tried)
    sagemaker = boto3.client("sagemaker")
    [tuning] = {sagemaker.describe_training_job(TrainingJobName=job.name)["TuningJobArn"] for job in tried}
    best = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning.rpartition("/")[2])
    assert best["BestTrainingJob"]["TrainingJobName"] in [job.name for job in tried]
    assert system.endpoint()["EndpointConfigName"] != config
    assert system.classifier()(image_of(system.images, "3")).label in system.images.classes


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Run `act` beside the block; at the end its error is raised."""
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        try:
            yield
        finally:
            acting.result()


@pytest.mark.soak
def test_a_spot_job_that_was_stopped_goes_on_in_the_next_deploy(system: System) -> None:
    def trained_an_epoch() -> str:
        jobs = system.jobs()
        return jobs[-1].name if len(jobs) > len(before) and "epoch=1 " in system.log(jobs[-1]) else ""

    def stop_after_an_epoch() -> None:
        boto3.client("sagemaker").stop_training_job(TrainingJobName=until(trained_an_epoch))

    before, changes = system.jobs(), {"spot": "true", "seed": "3", **ALL_LAYERS}
    system.synthesize(**changes)  # takes long on a busy machine; what follows is awaited
    with meanwhile(stop_after_an_epoch), pytest.raises(CdkFailed, match="Stopped"):
        system.deploy("trained-model", **changes)

    system.deploy("trained-model", **changes)

    stopped, resumed = system.jobs()[len(before) :]
    assert (stopped.status, resumed.status) == ("Stopped", "Completed")
    assert "stopped as asked (SIGTERM)" in system.log(stopped)
    assert "going on after" in system.log(resumed)


def _artifacts(folder: Path) -> Path:
    """`folder` with all that an instance leaves."""
    bucket = outputs("e2e-dev-storage")["BucketName"]
    for name in ("model.onnx", "model.tar.gz", "metrics.json", "train.log"):
        boto3.client("s3").download_file(bucket, f"TrainedModels/{name}", str(folder / name))
    return folder


def test_it_makes_the_model_that_a_sagemaker_job_makes_and_the_endpoint_serves_it(
    with_ec2: System, tmp_path: Path
) -> None:
    with_ec2.deploy("ec2-training")

    made = _artifacts(tmp_path)
    job = with_ec2.jobs()[0]
    accuracy = json.loads((made / "metrics.json").read_text())["test"]["accuracy"]
    assert accuracy == pytest.approx(float(with_ec2.log(job).rpartition("test:accuracy=")[2].split()[0]), abs=0.01)
    with tarfile.open(made / "model.tar.gz") as archive:
        archived = archive.extractfile("./model.onnx")
        assert archived is not None
        assert archived.read() == (made / "model.onnx").read_bytes()

    bucket, _, kept = outputs("e2e-dev-trained-model")["ModelDataUrl"].removeprefix("s3://").partition("/")
    boto3.client("s3").upload_file(str(made / "model.tar.gz"), bucket, kept)
    with_ec2.deploy("serving")
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=with_ec2.endpoint()["EndpointName"],
        ContentType="image/png",
        Body=image_of(with_ec2.images, "3").read_bytes(),
    )
    assert json.loads(answer["Body"].read())["model"] == sha256((made / "model.onnx").read_bytes()).hexdigest()


def _interrupt() -> None:
    """A reboot in or after the first epoch, and in or after the second a stop that no process hears of."""
    ec2 = boto3.client("ec2")
    instance = _running_after("epoch=1 ")
    ec2.reboot_instances(InstanceIds=[instance])
    _running_after("epoch=2 ")
    ec2.stop_instances(InstanceIds=[instance], SkipOsShutdown=True)
    ec2.start_instances(InstanceIds=[instance])


def _running_after(line: str) -> str:
    """The running instance, once its console has the line."""
    ec2 = boto3.client("ec2")

    def running() -> str:
        for reservation in ec2.describe_instances()["Reservations"]:
            [instance] = reservation["Instances"]
            if instance["State"]["Name"] != "running":  # that of the test before has ended itself
                continue
            if line in ec2.get_console_output(InstanceId=instance["InstanceId"])["Output"]:
                return str(instance["InstanceId"])
        return ""

    return until(running)


def test_an_instance_that_is_rebooted_or_killed_under_its_training_goes_on(with_ec2: System, tmp_path: Path) -> None:
    with_ec2.synthesize(**ALL_LAYERS)  # takes long on a busy machine; what follows is awaited
    with meanwhile(_interrupt):
        with_ec2.deploy("ec2-training", **ALL_LAYERS)

    log = (_artifacts(tmp_path) / "train.log").read_text()
    print(log)
    for line in ("booted again: going on", "going on after"):
        assert log.count(line) == 2
    for line in ("peak memory ", "cost of this run: "):
        assert line in log
    assert "cost of this run: " in outputs("e2e-dev-ec2-training")["Trained"]


def test_another_time_limit_is_another_wait_for_the_models_that_are_there(with_ec2: System) -> None:
    """Neither a wait nor an instance that has ended can be updated."""
    jobs = [job.name for job in with_ec2.jobs()]

    with_ec2.deploy("trained-model", training_max_hours="3")
    with_ec2.deploy("ec2-training", training_max_hours="3", **ALL_LAYERS)

    assert [job.name for job in with_ec2.jobs()] == jobs
    assert "made before" in outputs("e2e-dev-ec2-training")["Trained"]


def test_every_call_of_the_instance_s_role_is_in_the_contract_and_was_needed(with_ec2: System, aws: Home) -> None:
    assert unproven("EC2 training", with_ec2.synthesize(), aws, "ec2-training") == []


def test_destroying_it_leaves_the_data_and_then_nothing(system: System) -> None:
    deployment, quiet = Deployment("e2e", "dev", ACCOUNT), lambda _: None
    known = {
        "HTTP API", "alarm", "bucket", "budget", "composite alarm", "dashboard", "endpoint", "endpoint configuration",
        "function", "instance profile", "internet gateway", "key", "key alias", "log group", "model", "network",
        "notebook instance", "role", "rule", "scaling target", "stack", "topic", "training log",
    }  # fmt: skip
    found = {each.kind for each in deployment.find()} - {"instance"}  # one that has trained ends by itself
    assert found == known  # so that what is not found below is not there

    kept = destroy(deployment, keep_data=True, say=quiet)

    assert {each.kind for each in kept} == {"bucket", "key", "training log"}
    assert boto3.client("s3").list_objects_v2(Bucket=f"e2e-dev-{ACCOUNT}-us-east-1", Prefix="models/")["KeyCount"] > 0
    assert destroy(deployment, keep_data=False, say=quiet) == []
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
