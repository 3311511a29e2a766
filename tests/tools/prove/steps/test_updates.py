"""Updates of the endpoint: what is seen meanwhile."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from tests.waiting import until
from tools.prove.steps import updates
from tools.prove.steps.updates import UpdateWatch


def described(status: str, **pending: Any) -> dict[str, Any]:
    return {"EndpointName": "e", "EndpointStatus": status, "EndpointConfigName": "old", **pending}


BAKING = {
    "PendingDeploymentSummary": {
        "EndpointConfigName": "new", "ProductionVariants": [{"VariantStatus": [{"Status": "Baking"}]}],
    }
}  # fmt: skip


def test_each_state_is_noted_once_and_a_look_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [described("InService"), described("InService"), None, described("Updating", **BAKING)]
    looks: list[dict[str, Any]] = []

    class Client:
        def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
            assert EndpointName == "e"
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is None:
                raise updates.ClientError({"Error": {"Code": "Throttling"}}, "DescribeEndpoint")
            return answer

    monkeypatch.setattr(boto3, "client", lambda _: Client())
    monkeypatch.setattr(updates, "_LOOK_SECONDS", 0.01)

    with UpdateWatch("e", looks.append) as watch:
        until(lambda: len(watch.seen) == 2)

    assert [(state["status"], state["pending"], state["stage"]) for state in watch.seen] == [
        ("InService", "", []),
        ("Updating", "new", ["Baking"]),
    ]
    assert len(looks) >= 3


def test_the_tuning_that_runs_into_its_limit_reads_nothing_that_the_next_deploy_takes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The role may read the weights of the settings that are deployed, and the next step has none."""
    created: dict[str, Any] = {}

    class Client:
        def describe_hyper_parameter_tuning_job(self, HyperParameterTuningJobName: str) -> dict[str, Any]:
            assert HyperParameterTuningJobName == "tuning"
            return {
                "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxNumberOfTrainingJobs": 2}},
                "TrainingJobDefinition": {
                    "InputDataConfig": [{"ChannelName": name} for name in ("images", "weights", "program")],
                    "StaticHyperParameters": {
                        "epochs": "4", "trainable": "head", "weights-sha256": "1", "_tuning_objective_metric": "m",
                    },
                },
            }  # fmt: skip

        def create_hyper_parameter_tuning_job(self, **request: Any) -> None:
            created.update(request)

    monkeypatch.setattr(boto3, "client", lambda _: Client())
    system: Any = SimpleNamespace(prefix="slipway-prove", tags=[], job=lambda _: {"TuningJobArn": "arn:job/tuning"})

    assert updates._start_limited("job", system) == created["HyperParameterTuningJobName"]

    assert created["HyperParameterTuningJobConfig"]["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": updates.LIMIT_SECONDS,
    }  # fmt: skip
    definition = created["TrainingJobDefinition"]
    assert [channel["ChannelName"] for channel in definition["InputDataConfig"]] == ["images", "program"]
    assert definition["StaticHyperParameters"] == {"epochs": "1000", "trainable": "all"}
