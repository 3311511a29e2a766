"""The training job's request, and how the deploy waits for it."""

import re
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.defaults import DEFAULTS
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import of_type, only, text, training_request


def test_the_job_runs_the_program_from_its_zip_without_a_network(templates: dict[str, Template]) -> None:
    request = training_request(templates["trained-model"])
    channels = _channels(request)
    program = channels["code"].rsplit("/", 1)[1]
    assert request["EnableNetworkIsolation"] is True
    assert request["AlgorithmSpecification"]["ContainerEntrypoint"] == ["python3", "-m", "training"]
    assert request["Environment"] == {"PYTHONPATH": f"/opt/ml/input/data/code/{program}"}


def test_the_job_reads_the_data_set_and_writes_under_jobs(templates: dict[str, Template]) -> None:
    request = training_request(templates["trained-model"])
    bucket = "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}"
    dataset = only(templates["trained-model"], "Custom::TrainedModel")["Dataset"]
    assert _channels(request)["images"] == f"{bucket}/data/{dataset}/"
    assert request["OutputDataConfig"]["S3OutputPath"] == f"{bucket}/jobs"


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_the_images_come_in_the_mode_of_the_setting_and_the_model_stays_the_same(
    templates: dict[str, Template], synthesize: Synthesize, mode: str
) -> None:
    """InputMode of "Channel", SageMaker API reference, overrides the job's TrainingInputMode for this channel alone."""
    template = synthesize(input_mode=mode)["trained-model"]
    request = training_request(template)
    modes = {channel["ChannelName"]: channel.get("InputMode") for channel in request["InputDataConfig"]}
    assert modes == {"images": mode, "code": None}
    assert request["AlgorithmSpecification"]["TrainingInputMode"] == "File"
    digests = {only(each, "Custom::TrainedModel")["Digest"] for each in (template, templates["trained-model"])}
    assert len(digests) == 1


def test_pretrained_weights_are_a_channel_and_an_ingredient_only_where_they_are_set(
    templates: dict[str, Template], synthesize: Synthesize
) -> None:
    from_scratch, given = templates["trained-model"], synthesize(weights="1" * 64)["trained-model"]
    request = training_request(given)
    bucket = "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}"
    assert _channels(request)["weights"] == f"{bucket}/weights/{'1' * 64}/"
    assert request["HyperParameters"]["weights-sha256"] == "1" * 64
    assert set(_channels(training_request(from_scratch))) == {"images", "code"}
    assert "weights-sha256" not in training_request(from_scratch)["HyperParameters"]
    digests = {only(template, "Custom::TrainedModel")["Digest"] for template in (from_scratch, given)}
    assert len(digests) == 2


def test_disk_and_output_are_encrypted_with_the_systems_key(templates: dict[str, Template]) -> None:
    request = training_request(templates["trained-model"])
    assert request["ResourceConfig"]["VolumeKmsKeyId"] == request["OutputDataConfig"]["KmsKeyId"]


def test_hyperparameters_are_text(templates: dict[str, Template]) -> None:
    hyperparameters = training_request(templates["trained-model"])["HyperParameters"]
    assert hyperparameters["epochs"] == str(DEFAULTS["epochs"])
    assert all(isinstance(value, str) for value in hyperparameters.values())


def test_the_lambda_names_the_job(templates: dict[str, Template]) -> None:
    assert "TrainingJobName" not in training_request(templates["trained-model"])


def test_accuracy_is_read_from_the_log(templates: dict[str, Template]) -> None:
    definitions = training_request(templates["trained-model"])["AlgorithmSpecification"]["MetricDefinitions"]
    patterns = {metric["Name"]: metric["Regex"] for metric in definitions}
    line = "epoch=3 train:loss=0.1234 validation:loss=1.5e-05 validation:accuracy=0.9812"
    found = {name: re.search(pattern, line) for name, pattern in patterns.items()}
    assert {name: match[1] for name, match in found.items() if match} == {
        "train:loss": "0.1234",
        "validation:loss": "1.5e-05",
        "validation:accuracy": "0.9812",
    }
    line = "test:accuracy=0.9833 test:balanced_accuracy=0.5 test:lowest_class_accuracy=0.25 test:loss=0.07"
    assert re.findall(patterns["test:accuracy"], line) == ["0.9833"]
    assert re.findall(patterns["test:balanced_accuracy"], line) == ["0.5"]
    assert re.findall(patterns["test:lowest_class_accuracy"], line) == ["0.25"]


def test_several_instances_encrypt_what_they_tell_each_other(
    templates: dict[str, Template], gpu_fleet: dict[str, Template]
) -> None:
    assert training_request(templates["trained-model"])["EnableInterContainerTrafficEncryption"] is False
    assert training_request(gpu_fleet["trained-model"])["EnableInterContainerTrafficEncryption"] is True


def test_a_gpu_instance_gets_the_gpu_image_and_no_key_for_its_own_disk(
    gpu_fleet: dict[str, Template],
) -> None:
    request = training_request(gpu_fleet["trained-model"])
    assert "-cu" in request["AlgorithmSpecification"]["TrainingImage"]
    assert "VolumeKmsKeyId" not in request["ResourceConfig"]


def test_the_deploy_waits_longer_than_the_job_may_run_and_within_the_limit(synthesize: Synthesize) -> None:
    template = synthesize(training_max_hours=11)["trained-model"]
    job = training_request(template)["StoppingCondition"]["MaxRuntimeInSeconds"]
    wait = int(only(template, "AWS::CloudFormation::WaitCondition")["Timeout"])
    assert job == 11 * 3600
    assert job < wait <= 43200


def test_a_job_takes_no_spot_instances_unless_asked_to(templates: dict[str, Template]) -> None:
    request = training_request(templates["trained-model"])
    assert not {"EnableManagedSpotTraining", "CheckpointConfig"} & set(request)
    assert "MaxWaitTimeInSeconds" not in request["StoppingCondition"]


def test_a_spot_job_keeps_its_checkpoint_under_the_models_digest(synthesize: Synthesize) -> None:
    template = synthesize(spot=True, training_max_hours=2, spot_max_wait_hours=5)["trained-model"]
    request = training_request(template)
    digest = only(template, "Custom::TrainedModel")["Digest"]
    bucket = "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}"
    assert request["EnableManagedSpotTraining"] is True
    assert request["CheckpointConfig"] == {"S3Uri": f"{bucket}/checkpoints/{digest[:12]}/"}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 2 * 3600, "MaxWaitTimeInSeconds": 5 * 3600}
    assert int(only(template, "AWS::CloudFormation::WaitCondition")["Timeout"]) > 5 * 3600


def test_spot_makes_no_other_model(templates: dict[str, Template], synthesize: Synthesize) -> None:
    spot = synthesize(spot=True)["trained-model"]
    digests = {only(template, "Custom::TrainedModel")["Digest"] for template in (templates["trained-model"], spot)}
    assert len(digests) == 1


def test_the_wait_is_new_with_each_digest(templates: dict[str, Template], gpu_fleet: dict[str, Template]) -> None:
    for stacks in (templates, gpu_fleet):
        template = stacks["trained-model"]
        digest = only(template, "Custom::TrainedModel")["Digest"]
        for kind in ("AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"):
            (logical_id,) = template.find_resources(kind)
            assert digest[:12] in logical_id


@pytest.mark.parametrize("change", [{"training_max_hours": 3}, {"spot": True, "spot_max_wait_hours": 9}])
def test_the_wait_is_new_with_each_time_limit_and_the_model_is_not(
    templates: dict[str, Template], synthesize: Synthesize, change: dict[str, Any]
) -> None:
    before, after = templates["trained-model"], synthesize(**change)["trained-model"]
    for kind in ("AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"):
        assert before.find_resources(kind).keys().isdisjoint(after.find_resources(kind))
    models = [only(template, "Custom::TrainedModel") for template in (before, after)]
    assert models[0]["Digest"] == models[1]["Digest"]
    assert models[0]["WaitUrl"] != models[1]["WaitUrl"]


def test_the_wait_starts_after_the_job_and_the_job_after_its_listeners(
    templates: dict[str, Template],
) -> None:
    template = templates["trained-model"]
    (wait,) = template.find_resources("AWS::CloudFormation::WaitCondition").values()
    ((training_id, training),) = template.find_resources("Custom::TrainedModel").items()
    assert training_id in wait["DependsOn"]
    listeners = {
        *template.find_resources("AWS::Events::Rule"),
        *template.find_resources("AWS::Lambda::Permission"),
    }
    assert listeners == set(training["DependsOn"])


def test_the_floors_are_no_part_of_the_digest(templates: dict[str, Template], synthesize: Synthesize) -> None:
    lower = synthesize(accuracy_floor=0.1, class_accuracy_floor=0.5)["trained-model"]
    before = only(templates["trained-model"], "Custom::TrainedModel")
    after = only(lower, "Custom::TrainedModel")
    assert (after["AccuracyFloor"], after["ClassAccuracyFloor"]) == ("0.1", "0.5")
    assert after["Digest"] == before["Digest"]


def test_the_function_hears_of_ended_jobs_and_looks_for_itself(templates: dict[str, Template]) -> None:
    template = templates["trained-model"]
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Training Job State Change"],
                "detail": {
                    "TrainingJobName": [{"prefix": "slipway-dev-"}],
                    "TrainingJobStatus": ["Completed", "Failed", "Stopped"],
                },
            },
            "Targets": [Match.object_like({"Id": "Function"})],
        },
    )
    template.has_resource_properties("AWS::Events::Rule", {"ScheduleExpression": "rate(5 minutes)"})


def test_only_the_two_rules_may_call_the_function(templates: dict[str, Template]) -> None:
    """AWS: "Troubleshooting Amazon EventBridge", EventBridge user guide: with a SourceAccount EventBridge cannot invoke
    the function."""
    permissions = of_type(templates["trained-model"], "AWS::Lambda::Permission")
    rules = templates["trained-model"].find_resources("AWS::Events::Rule")
    assert sorted(text(permission["SourceArn"]) for permission in permissions) == sorted(
        f"${{{rule}.Arn}}" for rule in rules
    )
    for permission in permissions:
        assert permission["Principal"] == "events.amazonaws.com"
        assert "SourceAccount" not in permission


def _channels(request: dict[str, Any]) -> dict[str, str]:
    """S3 address by channel."""
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request["InputDataConfig"]
    }
