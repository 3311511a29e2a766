"""With tuning on, the same job as a tuning job: its request, its event, its rights, and what its model is named by."""

from typing import Any

import botocore.session
import botocore.validate
import pytest
from aws_cdk.assertions import Template

from aws.containers import WITHOUT_COMMAND
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import only, roles, statements, text, training_request

RANGES = {"tuning_learning_rate": "0.001..0.1", "tuning_batch_size": "32|64", "tuning_epochs": "5..20"}
TUNING: dict[str, Any] = {"tuning_max_jobs": 12, "tuning_parallel_jobs": 3, **RANGES}


@pytest.fixture
def tuned(synthesize: Synthesize) -> dict[str, Template]:
    return synthesize(**TUNING)


@pytest.fixture
def request_(tuned: dict[str, Template]) -> dict[str, Any]:
    return training_request(tuned["trained-model"])


def test_it_is_a_request_that_sagemaker_takes(request_: dict[str, Any]) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape
    named = {"HyperParameterTuningJobName": "slipway-dev-0123456789ab-1", **request_}
    assert botocore.validate.ParamValidator().validate(named, shape).generate_report() == ""


def test_it_maximizes_the_accuracy_on_the_validation_images(request_: dict[str, Any]) -> None:
    config = request_["HyperParameterTuningJobConfig"]
    objective = {"Type": "Maximize", "MetricName": "validation:accuracy"}
    assert config["HyperParameterTuningJobObjective"] == objective
    algorithm = request_["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert objective["MetricName"] in {metric["Name"] for metric in algorithm["MetricDefinitions"]}


def test_ranges_limits_and_strategy_are_the_settings(synthesize: Synthesize) -> None:
    more = {"tuning_strategy": "Random", "tuning_early_stopping": "Auto", "seed": 7, "training_max_hours": 3}
    request = training_request(synthesize(**TUNING, **more)["trained-model"])
    config = request["HyperParameterTuningJobConfig"]
    assert config["ParameterRanges"] == {
        "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "5", "MaxValue": "20", "ScalingType": "Linear"}],
        "ContinuousParameterRanges": [
            {"Name": "learning-rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
        ],
        "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
    }
    limits = {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3, "MaxRuntimeInSeconds": 3 * 3600}
    assert config["ResourceLimits"] == limits
    assert (config["Strategy"], config["TrainingJobEarlyStoppingType"], config["RandomSeed"]) == ("Random", "Auto", 7)


def test_its_jobs_are_the_training_job(request_: dict[str, Any], templates: dict[str, Template]) -> None:
    single, definition = training_request(templates["trained-model"]), dict(request_["TrainingJobDefinition"])
    fixed = definition.pop("StaticHyperParameters")
    tuned = {"epochs", "batch-size", "learning-rate"}
    assert fixed == {name: value for name, value in single.pop("HyperParameters").items() if name not in tuned}
    assert request_["Tags"] == single.pop("Tags")
    # A tuning job takes no command: the image's own finds the program by its environment.
    assert single["AlgorithmSpecification"].pop("ContainerEntrypoint") == ["python3", "-m", "training"]
    single["Environment"] |= WITHOUT_COMMAND
    assert definition == single


def test_the_function_hears_of_ended_tuning_jobs(tuned: dict[str, Template]) -> None:
    tuned["trained-model"].has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker HyperParameter Tuning Job State Change"],
                "detail": {
                    "HyperParameterTuningJobName": [{"prefix": "slipway-dev-"}],
                    "HyperParameterTuningJobStatus": ["Completed", "Failed", "Stopped"],
                },
            },
        },
    )


def test_the_function_may_run_tuning_jobs_of_this_system_and_look_at_their_training_jobs(
    tuned: dict[str, Template], templates: dict[str, Template]
) -> None:
    def granted(stacks: dict[str, Template]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for statement in statements(roles(stacks)["trained-model"]).values():
            for resource in statement["Resource"]:
                actions = {action for action in statement["Action"] if action.startswith("sagemaker:")}
                found.setdefault(resource.rpartition(":")[2], set()).update(actions)
        return {resource: actions for resource, actions in found.items() if actions}

    assert granted(tuned) == {
        "endpoint/slipway-dev-????": {"sagemaker:DescribeEndpoint"},
        "hyper-parameter-tuning-job/slipway-dev-*": {
            "sagemaker:AddTags",
            "sagemaker:CreateHyperParameterTuningJob",
            "sagemaker:DescribeHyperParameterTuningJob",
            "sagemaker:StopHyperParameterTuningJob",
        },
        "training-job/slipway-dev-*": {"sagemaker:DescribeTrainingJob"},
    }
    assert set(granted(templates)) == {"training-job/slipway-dev-*", "endpoint/slipway-dev-????"}


def test_sagemaker_takes_on_the_training_role_for_tuning_jobs_too(
    tuned: dict[str, Template], templates: dict[str, Template]
) -> None:
    def sources(stacks: dict[str, Template]) -> list[str]:
        [trust] = roles(stacks)["training"]["AssumeRolePolicyDocument"]["Statement"]
        source = trust["Condition"]["ArnLike"]["aws:SourceArn"]
        return [text(arn).rpartition(":")[2] for arn in (source if isinstance(source, list) else [source])]

    assert sources(tuned) == ["training-job/slipway-dev-*", "hyper-parameter-tuning-job/slipway-dev-*"]
    assert sources(templates) == ["training-job/slipway-dev-*"]


def _digest(stacks: dict[str, Template]) -> str:
    return str(only(stacks["trained-model"], "Custom::TrainedModel")["Digest"])


@pytest.mark.parametrize(
    "change",
    [
        {"tuning_learning_rate": "0.001..0.2"},
        {"tuning_epochs": ""},
        {"tuning_max_jobs": 13},
        {"tuning_strategy": "Random"},
        {"tuning_early_stopping": "Auto"},
        {"seed": 1},
    ],
)
def test_the_digest_covers_how_it_is_tuned(
    tuned: dict[str, Template], synthesize: Synthesize, change: dict[str, Any]
) -> None:
    assert _digest(synthesize(**TUNING | change)) != _digest(tuned)


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.5}, {"batch_size": 100}, {"epochs": 3}, {"tuning_parallel_jobs": 1}]
)
def test_the_digest_leaves_out_what_ranges_replace(
    tuned: dict[str, Template], synthesize: Synthesize, change: dict[str, Any]
) -> None:
    assert _digest(synthesize(**TUNING | change)) == _digest(tuned)


def test_ranges_alone_change_nothing(templates: dict[str, Template], synthesize: Synthesize) -> None:
    assert _digest(synthesize(**RANGES)) == _digest(templates)
