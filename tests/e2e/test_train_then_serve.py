"""One deploy trains and serves; what it may and may not change afterwards. The tests build on each other.

The last one kills the local AWS under a deploy.
"""

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path

import boto3
import pytest

from local_aws.home import Home
from local_aws.running import current
from settings import read_settings
from tests.sockets import listening_addresses
from tests.tools.page.conftest import RunningPage
from tests.tools.report.test_page import Document
from tests.waiting import until_nothing_is_left_of
from tools import cdk
from tools.cdk import CdkFailed
from tools.classify import ask, event_with
from tools.classify_client import ClassifyFailed, SteadyClient, sample_image
from tools.demo import evidence
from tools.deploy import __main__ as deploy_command
from tools.deploy.check import check
from tools.deploy.stacks import deploy
from tools.preflight import NotReady
from tools.report import endpoint
from tools.report.write import write
from tools.stack import outputs
from training.folder import digest

from .broken_models import digest_of, keep_changed, without_numbers
from .conftest import System, image_of, unproven
from .scoring import BROKEN, score, write_images

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
    assert system.classifier().from_s3(image, outputs("e2e-dev-serving")["S3Images"]) == system.classifier()(image)


def test_the_report_has_the_training_the_function_s_model_and_the_deployed_roles(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MAX_SECONDS", 60)  # the machine may be busy
    answer = system.classifier().invoke({"image": sample_image()})

    text = Document(write(read_settings(system.settings), tmp_path / "report.html").read_text()).text

    assert "Endpoint in service 1 × ml.m5.large" in text
    assert f"{answer['model']} (SHA-256 of model.onnx)" in text
    assert f"{system.jobs()[0].name}, Completed" in text
    assert "40 test images of 10 classes" in text
    assert "taken for" in text
    assert "The deployed roles may do exactly what the contract" in text
    assert re.search(r"e2e-dev-trained-model CREATE_COMPLETE .* Trained\w+ AWS::CloudFormation::WaitCondition", text)
    assert re.findall(r"Not shown: (.*?)[.:]", text) == [
        f"no load test of {system.endpoint()['EndpointName']} is recorded in out/load"
    ]


def test_an_image_on_the_page_is_classified_like_one_that_is_sent(system: System) -> None:
    image, client, serving = image_of(system.images, "3"), system.classifier(), outputs("e2e-dev-serving")

    with RunningPage(lambda content: ask(client, event_with(content), serving, read_settings(system.settings))) as page:
        status, answer, _ = page.ask(body=image.read_bytes())
        refused, words, _ = page.ask(body=b"no image")

    assert (status, json.loads(answer)["predictions"]) == (
        200,
        client.invoke(event_with(image.read_bytes()))["predictions"],
    )
    assert (refused, "415 UnsupportedImage" in words) == (422, True)


def test_all_that_runs_for_an_endpoint_listens_on_loopback_only(system: System, aws: Home) -> None:
    run = current(aws)
    assert run
    assert listening_addresses(run) == {"127.0.0.1"}


def test_what_was_deployed_stays_until_something_else_is_given(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `make deploy DATA=… SETTINGS=…`, a plain `make deploy` and a plain `cdk deploy --all` change nothing."""
    before, model = system.jobs(), system.endpoint()["EndpointConfigName"]
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))
    assert digest(system.images) == system.settings["dataset"] != read_settings({}).dataset
    prod = tmp_path / "stages" / "prod.json"
    prod.parent.mkdir()
    prod.write_text(json.dumps({"stage": "prod", "dataset": "0" * 64}))
    given = [f"{name}={value}" for name, value in system.settings.items() if name != "dataset"]

    for arguments in (["--data", str(system.images.root), "--settings", " ".join(given)], []):
        monkeypatch.setattr(sys, "argv", ["deploy", *arguments])
        assert deploy_command.main() == 0
    cdk.run("deploy", "--all", "--require-approval", "never", "--output", str(tmp_path / "cdk.out"))

    assert system.jobs() == before
    assert system.endpoint()["EndpointConfigName"] == model
    assert read_settings({"stage": "prod"}).dataset == json.loads(prod.read_text())["dataset"] == "0" * 64


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
    assert client.calls > 3  # it did call


@pytest.mark.long  # an endpoint of its own
def test_an_endpoint_is_switched_off_and_on_and_nothing_is_trained(system: System) -> None:
    before, said = system.jobs(), list[str]()

    system.deploy(endpoint="off")

    assert check(read_settings(system.settings), say=said.append), said
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    with pytest.raises(ClassifyFailed, match="EndpointOff"):
        system.classifier().invoke({"image": "aGVsbG8="})

    system.deploy(endpoint="on")

    assert check(read_settings(system.settings), say=said.append), said
    assert system.classifier()(image_of(system.images, "5")).label in system.images.classes
    assert system.jobs() == before


def test_going_back_to_a_model_already_made_trains_nothing(system: System) -> None:
    before = system.jobs()

    system.deploy("trained-model")

    assert system.jobs() == before


def test_a_model_under_the_floor_is_not_deployed_and_the_old_one_keeps_serving(system: System) -> None:
    config = system.endpoint()["EndpointConfigName"]

    with pytest.raises(CdkFailed, match=r"under the floor 0\.999"):
        system.deploy(seed="2", epochs="1", accuracy_floor="0.999")

    assert any("is under the floor 0.999" in reason for reason in system.events("trained-model"))
    assert system.endpoint()["EndpointConfigName"] == config
    assert system.classifier()(image_of(system.images, "5")).label in system.images.classes


def test_the_same_model_passes_a_lower_floor_without_training_it_again(system: System) -> None:
    before = system.jobs()

    system.deploy("trained-model", seed="2", epochs="1", accuracy_floor="0.05")

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


@pytest.mark.long  # a thousand uploads and downloads
def test_a_thousand_images_are_scored_in_one_run_and_broken_ones_stop_nothing(
    system: System, aws: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Afterwards the uploaded data set, by two instances; each call of the role is in the contract, and was needed."""
    images = system.images.splits["test"].files
    write_images(tmp_path / "many", images, 1000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_STAGES", str(tmp_path / "stages"))

    summary, lines = score(capsys, "many")
    assert (len(lines), summary["errors"]) == (1000, {"NotAnImage": len(BROKEN)})
    assert {name: line["error"]["code"] for name, line in lines.items() if "error" in line} == BROKEN
    best, answer = lines["0/0.png"]["predictions"][0], system.classifier()(images[0])
    assert (best["label"], best["probability"]) == (answer.label, pytest.approx(answer.probability, abs=1e-4))

    data = f"s3://{outputs('e2e-dev-storage')['BucketName']}/data/{system.settings['dataset']}/"
    summary, lines = score(capsys, data, "--instance-count", "2", "--labels", "1")
    assert (len(lines), summary["errors"]) == (len(system.images.files), {})
    assert all(len(line["predictions"]) == 1 for line in lines.values())
    assert unproven("scoring", system.synthesize(), aws, "scoring") == []


def test_an_archive_without_a_model_is_taken_back_and_no_caller_notices(system: System, tmp_path: Path) -> None:
    live = system.endpoint()
    keep_changed(digest_of(system, seed="7"), tmp_path, lambda name, file: None if name.endswith(".onnx") else file)

    with (
        SteadyClient("e2e-dev-classify", system.images.splits["test"].files) as client,
        pytest.raises(CdkFailed, match="ping health check"),
    ):
        system.deploy(seed="7")

    assert system.endpoint()["EndpointConfigName"] == live["EndpointConfigName"]
    assert client.errors == []
    assert client.calls > 3  # it did call


def test_a_model_that_fails_every_call_is_taken_back_by_the_stack_s_alarms(system: System, tmp_path: Path) -> None:
    live, images = system.endpoint(), system.images.splits["test"].files
    keep_changed(digest_of(system, seed="8"), tmp_path, without_numbers)

    with (
        SteadyClient("e2e-dev-classify", images) as client,
        pytest.raises(CdkFailed, match=r"Deployment rolled back: CloudWatch alarms in ALARM: .*Invocation5XXErrors"),
    ):
        system.deploy(seed="8")

    assert any("Invocation5XXErrors" in reason for reason in system.events("serving"))
    assert system.endpoint()["EndpointConfigName"] == live["EndpointConfigName"]
    # Of one instance there is no part for a canary: until the alarms ring, every call meets the new model.
    assert 0 < len(client.errors) < client.calls
    for image in images[:10]:
        assert system.classifier()(image).label in system.images.classes


def test_a_data_set_that_is_not_there_is_named_with_the_command_that_uploads_it(system: System) -> None:
    with pytest.raises(CdkFailed, match="make upload DATA="):
        system.deploy(dataset="0" * 64)


def test_another_instance_type_is_another_endpoint_and_no_caller_notices(system: System) -> None:
    before = system.endpoint()["EndpointName"]

    with SteadyClient("e2e-dev-classify", system.images.splits["test"].files) as client:
        system.deploy(endpoint_instance_type="ml.c5.large")

    after = system.endpoint()
    assert (after["EndpointName"] != before, after["EndpointStatus"]) == (True, "InService")
    there = boto3.client("sagemaker").list_endpoints()["Endpoints"]
    assert [endpoint["EndpointName"] for endpoint in there] == [after["EndpointName"]]
    assert client.errors == []
    assert client.calls > 3  # it did call


def test_a_deploy_whose_aws_dies_ends_with_one_clear_message_and_nothing_keeps_running(
    system: System, aws: Home
) -> None:
    run = current(aws)
    assert run is not None
    training = threading.Event()

    def kill_when_training() -> None:
        training.wait()
        os.kill(run.supervisor, signal.SIGKILL)

    def watch(line: str) -> None:
        if "WaitCondition" in line and "IN_PROGRESS" in line:
            training.set()

    threading.Thread(target=kill_when_training, daemon=True).start()
    with pytest.raises(NotReady, match=r"nothing answers at .*make local"):
        deploy(system.synthesize(seed="9", epochs="50"), "trained-model", say=watch)

    until_nothing_is_left_of(run)
