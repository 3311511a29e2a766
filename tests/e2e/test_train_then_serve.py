"""One deploy trains and serves; what it may and may not change afterwards. The tests build on each other."""

import json

import pytest

from demo import evidence
from demo.classify import ClassifyFailed, SteadyClient
from deploy import cdk
from deploy.cdk import CdkFailed
from deploy.stacks import outputs
from local_aws.home import Home

from .conftest import System, image_of

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
    config = system.endpoint()["EndpointConfigName"]

    with pytest.raises(CdkFailed, match="trainable=head needs pretrained weights"):
        system.deploy(trainable="head")

    assert system.jobs()[-1].status == "Failed"
    assert any(
        system.jobs()[-1].name in reason and "trainable=head needs pretrained weights" in reason
        for reason in system.events("trained-model")
    )
    assert system.endpoint()["EndpointConfigName"] == config


def test_every_call_of_a_role_is_in_the_contract_and_every_traced_line_was_needed(system: System, aws: Home) -> None:
    assembly = system.synthesize().folder
    done = evidence.gather("end-to-end tests", assembly, aws.calls, "us-east-1")

    assert evidence.prove(assembly, done, cdk.ROOT / "out" / "iam-trace-e2e.json") == []
    assert evidence.in_words(done).endswith("by 4 roles, 0 denied")


def test_a_data_set_that_is_not_there_is_named_with_the_command_that_uploads_it(system: System) -> None:
    with pytest.raises(CdkFailed, match="python -m dataset upload"):
        system.deploy(dataset="0" * 64)
