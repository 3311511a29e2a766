"""A model that a tuning job makes: the best training job's, and everything else as with a training job."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jobs import TRAINING, TUNING, kind_of

from tests.lambda_.fakes import client_error
from tests.lambda_.world import DIGEST, JOB, MODEL, SECOND_JOB, WAITING, World

REQUEST: dict[str, Any] = {
    "HyperParameterTuningJobConfig": {"Strategy": "Bayesian"},
    "TrainingJobDefinition": {"RoleArn": "role"},
}


@pytest.fixture
def ask(world: World) -> Any:
    """Send a request for a tuned model."""
    return lambda kind, **properties: world.ask(kind, Request=json.dumps(REQUEST), **properties)


def test_a_request_tells_its_kind() -> None:
    assert kind_of(REQUEST) is TUNING
    assert kind_of({"RoleArn": "role"}) is TRAINING


def test_a_tuning_job_is_started_under_the_name_of_the_attempt(world: World, ask: Any) -> None:
    assert ask("Create")["Status"] == "SUCCESS"
    assert world.sagemaker.requests == [{"HyperParameterTuningJobName": JOB, **REQUEST}]
    assert len(JOB) <= 32
    assert json.loads(world.s3.objects[WAITING])["kind"] == "HyperParameterTuningJob"
    assert world.signals == []


def test_the_best_jobs_model_is_kept_and_its_test_accuracy_signalled(world: World, ask: Any) -> None:
    ask("Create")
    best = world.sagemaker.complete_tuning(JOB, [0.91, 0.99])
    world.job_ended()
    (signal,) = world.signals
    assert (signal["Status"], signal["UniqueId"], signal["Data"]) == (
        "SUCCESS",
        best,
        "0.91, balanced 0.91, lowest class 0.91",
    )
    assert world.s3.objects[MODEL] == f"model of {best}".encode()
    result = json.loads(world.s3.objects[f"models/{DIGEST}/result.json"])
    assert result == {"job": best, "test_accuracy": 0.91, "balanced_accuracy": 0.91, "lowest_class_accuracy": 0.91}
    assert WAITING not in world.s3.objects


@pytest.mark.parametrize(("seconds", "kept"), [(3600, True), (3590, False)])
def test_the_best_of_one_that_its_time_limit_stopped_is_kept_as_of_a_completed_one(
    world: World, ask: Any, seconds: int, kept: bool
) -> None:
    """AWS does not document its status (docs/doubts.md). One that somebody stopped earlier makes no model."""
    ask("Create")
    world.sagemaker.complete_tuning(JOB, [0.91])
    begin = datetime(2026, 11, 28, tzinfo=UTC)
    world.sagemaker.tuning_jobs[JOB] |= {
        "HyperParameterTuningJobStatus": "Stopped",
        "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxRuntimeInSeconds": 3600}},
        "CreationTime": begin,
        "HyperParameterTuningEndTime": begin + timedelta(seconds=seconds),
    }
    world.job_ended()
    assert world.signals[0]["Status"] == ("SUCCESS" if kept else "FAILURE")
    assert (MODEL in world.s3.objects) == kept


def test_the_best_is_held_to_the_floor(world: World, ask: Any) -> None:
    ask("Create")
    best = world.sagemaker.complete_tuning(JOB, [0.61, 0.99])
    world.job_ended()
    assert world.signals[0]["Reason"] == f"test accuracy 0.61 is under the floor 0.8 (training job {best})"
    assert MODEL not in world.s3.objects


def test_a_failed_one_is_signalled_with_its_reason(world: World, ask: Any) -> None:
    ask("Create")
    reason = "All training jobs failed."
    world.sagemaker.tuning_jobs[JOB] = {"HyperParameterTuningJobStatus": "Failed", "FailureReason": reason}
    world.sweep()
    assert f"tuning job {JOB} failed: {reason}" in world.signals[0]["Reason"]
    assert f"streams that begin with {JOB}" in world.signals[0]["Reason"]


def test_a_completed_one_without_a_best_job_is_not_taken_for_good(world: World, ask: Any) -> None:
    ask("Create")
    world.sagemaker.tuning_jobs[JOB] = {"HyperParameterTuningJobStatus": "Completed"}
    world.job_ended()
    assert world.signals[0]["Reason"] == f"tuning job {JOB} completed without a best training job"


def test_a_running_one_is_joined_and_left_alone(world: World, ask: Any) -> None:
    ask("Create")
    world.sagemaker.complete(f"{JOB}-001-0a1b2c3d", 0.97)  # one of its training jobs
    world.sagemaker.tuning_jobs[JOB]["BestTrainingJob"] = {"TrainingJobName": f"{JOB}-001-0a1b2c3d"}
    world.job_ended()
    ask("Create")
    assert world.signals == []
    assert len(world.sagemaker.requests) == 1


def test_the_next_attempt_follows_one_that_made_nothing(world: World, ask: Any) -> None:
    world.sagemaker.tuning_jobs[JOB] = {"HyperParameterTuningJobStatus": "Stopped"}
    ask("Create")
    assert [request["HyperParameterTuningJobName"] for request in world.sagemaker.requests] == [SECOND_JOB]


def test_a_completed_one_whose_model_was_not_kept_is_used(world: World, ask: Any) -> None:
    best = world.sagemaker.complete_tuning(JOB, [0.97])
    assert ask("Create")["Status"] == "SUCCESS"
    assert world.sagemaker.requests == []
    assert world.s3.objects[MODEL] == f"model of {best}".encode()


def test_deleting_stops_it(world: World, ask: Any) -> None:
    ask("Create")
    assert ask("Delete")["Status"] == "SUCCESS"
    assert world.sagemaker.tuning_jobs[JOB]["HyperParameterTuningJobStatus"] == "Stopped"
    assert WAITING not in world.s3.objects


def test_a_refused_one_fails_at_once_and_leaves_nothing(world: World, ask: Any) -> None:
    world.sagemaker.refusals = [client_error("ResourceLimitExceeded", "limit is 0 instances")]
    assert ask("Create")["Reason"] == f"tuning job {JOB} cannot be created: limit is 0 instances"
    assert WAITING not in world.s3.objects


def test_a_model_in_use_is_replaced_without_a_look_at_the_job_that_made_it(
    world: World, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tuning is switched off, the function's right to look at tuning jobs has gone already."""
    ask("Create")
    world.sagemaker.complete_tuning(JOB, [0.97])
    world.job_ended()

    def denied(**_: Any) -> None:
        raise client_error("AccessDeniedException", "not authorized")

    monkeypatch.setattr(world.sagemaker, "describe_hyper_parameter_tuning_job", denied)
    monkeypatch.setattr(world.sagemaker, "stop_hyper_parameter_tuning_job", denied)
    assert world.ask("Update", old=DIGEST, Digest="f" * 64)["Status"] == "SUCCESS"
