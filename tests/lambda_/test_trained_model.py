"""A model as a CloudFormation resource: trained at most once, and never silently missing."""

import json
from typing import Any

import cloudformation
import pytest
import trained_model

from tests.lambda_.fakes import client_error
from tests.lambda_.world import ANSWER, DIGEST, JOB, MODEL, OTHER, SECOND_JOB, SECOND_WAIT, WAIT, WAITING, World


class TestCreate:
    def test_starts_a_job_and_says_so_without_waiting_for_it(self, world: World) -> None:
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert world.sagemaker.requests == [{"TrainingJobName": JOB, "RoleArn": "role"}]
        assert json.loads(world.s3.objects[WAITING])["job"] == JOB
        assert world.signals == []

    def test_signals_at_once_when_the_model_is_kept(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.job_ended()
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert [(signal["Status"], signal["Data"]) for signal in world.signals] == [
            ("SUCCESS", "0.97, balanced 0.97, lowest class 0.97")
        ] * 2
        assert len(world.sagemaker.requests) == 1

    def test_joins_a_running_job(self, world: World) -> None:
        world.ask("Create")
        world.ask("Create", WaitUrl=SECOND_WAIT)
        assert len(world.sagemaker.requests) == 1
        assert json.loads(world.s3.objects[WAITING])["wait_url"] == SECOND_WAIT

    @pytest.mark.parametrize("status", ["Failed", "Stopped", "Stopping"])
    def test_tries_again_after_a_job_that_made_nothing(self, world: World, status: str) -> None:
        world.sagemaker.jobs[JOB] = {"TrainingJobStatus": status}
        world.ask("Create")
        assert [request["TrainingJobName"] for request in world.sagemaker.requests] == [SECOND_JOB]

    def test_uses_a_completed_job_whose_model_was_not_kept(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.97)
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert world.sagemaker.requests == []
        assert world.s3.objects[MODEL] == f"model of {JOB}".encode()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_trains_again_when_a_completed_jobs_files_have_expired(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.97)
        del world.s3.objects[f"jobs/{JOB}/output/model.tar.gz"]
        world.ask("Create")
        assert [request["TrainingJobName"] for request in world.sagemaker.requests] == [SECOND_JOB]

    def test_refuses_a_kept_model_under_a_raised_floor(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.9)
        world.ask("Create")
        answer = world.ask("Create", AccuracyFloor="0.95")
        assert answer["Status"] == "FAILED"
        assert answer["Reason"] == f"test accuracy 0.9 is under the floor 0.95 (training job {JOB})"

    def test_takes_a_model_that_an_early_version_kept_by_its_accuracy_alone(self, world: World) -> None:
        world.s3.objects[MODEL] = b"model"
        world.s3.objects[f"models/{DIGEST}/result.json"] = json.dumps({"job": JOB, "test_accuracy": 0.9}).encode()
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert world.signals[0]["Data"] == "0.9"

    def test_a_lower_floor_takes_the_model_without_training_again(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.61)
        world.job_ended()
        assert world.ask("Create", AccuracyFloor="0.6")["Status"] == "SUCCESS"
        assert len(world.sagemaker.requests) == 1
        assert MODEL in world.s3.objects

    def test_without_the_data_set_names_where_it_should_be_and_how_it_gets_there(self, world: World) -> None:
        world.s3.objects.clear()
        answer = world.ask("Create")
        assert answer["Status"] == "FAILED"
        assert "s3://bucket/data/da7a/" in answer["Reason"]
        assert "make upload DATA=FOLDER" in answer["Reason"]
        assert world.s3.objects == {}

    def test_waits_until_a_new_role_is_known(self, world: World) -> None:
        unknown = client_error("ValidationException", "Could not assume role arn:aws:iam::1:role/training.")
        world.sagemaker.refusals = [unknown] * 3
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert len(world.sagemaker.requests) == 1

    def test_stops_waiting_for_a_role_after_a_minute(self, world: World) -> None:
        unknown = client_error("ValidationException", "Could not assume role arn:aws:iam::1:role/training.")
        world.sagemaker.refusals = [unknown] * 100
        started = world.now
        assert "Could not assume role" in world.ask("Create")["Reason"]
        assert world.now - started <= 65

    def test_a_refused_job_fails_at_once_and_leaves_nothing(self, world: World) -> None:
        world.sagemaker.refusals = [client_error("ResourceLimitExceeded", "limit is 0 instances")]
        answer = world.ask("Create")
        assert answer["Status"] == "FAILED"
        assert answer["Reason"] == f"training job {JOB} cannot be created: limit is 0 instances"
        assert WAITING not in world.s3.objects

    def test_a_second_delivery_of_the_same_request_takes_the_job_for_its_own(self, world: World) -> None:
        world.sagemaker.refusals = [client_error("ResourceInUse", "job exists")]
        assert world.ask("Create")["Status"] == "SUCCESS"
        assert WAITING in world.s3.objects

    @pytest.mark.parametrize("name", ["Digest", "Dataset", "AccuracyFloor", "Request", "WaitUrl"])
    def test_a_missing_property_is_named(self, world: World, name: str) -> None:
        event: dict[str, Any] = {"RequestType": "Create", "ResponseURL": ANSWER}
        event |= {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "Training"}
        properties = {
            "Digest": DIGEST,
            "Dataset": "d",
            "AccuracyFloor": "0",
            "Request": "{}",
            "WaitUrl": WAIT,
        }
        event["ResourceProperties"] = {key: value for key, value in properties.items() if key != name}
        trained_model.handler(event, None)
        (answer,) = world.cloudformation.sent_to(ANSWER)
        assert (answer["Status"], answer["Reason"]) == ("FAILED", f"the resource lacks its property '{name}'")

    @pytest.mark.parametrize("properties", [{"AccuracyFloor": "high"}, {"Request": "{"}])
    def test_an_unreadable_property_is_an_answer_too(self, world: World, properties: dict[str, str]) -> None:
        answer = world.ask("Create", **properties)
        assert answer["Status"] == "FAILED"
        assert "cannot be read" in answer["Reason"]

    def test_an_unexpected_error_is_one_line_without_a_stack_trace(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(**_: Any) -> None:
            raise RuntimeError("first line\n" + "x" * 5000)

        monkeypatch.setattr(world.s3, "list_objects_v2", broken)
        answer = world.ask("Create")
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].startswith("RuntimeError: first line x")
        assert len(answer["Reason"].encode()) <= 1000


class TestUpdate:
    def test_stops_the_job_that_is_no_longer_wanted(self, world: World) -> None:
        world.ask("Create", Digest=OTHER)
        world.ask("Update", old=OTHER)
        assert world.sagemaker.jobs[f"slipway-dev-{OTHER[:12]}-1"]["TrainingJobStatus"] == "Stopped"
        assert world.sagemaker.jobs[JOB]["TrainingJobStatus"] == "InProgress"
        assert f"jobs/waiting/{OTHER}.json" not in world.s3.objects

    def test_of_the_same_model_goes_on_with_its_job(self, world: World) -> None:
        world.ask("Create")
        world.ask("Update", old=DIGEST)
        assert world.sagemaker.jobs[JOB]["TrainingJobStatus"] == "InProgress"
        assert WAITING in world.s3.objects

    def test_of_a_kept_model_signals_the_new_wait_at_once(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.97)
        world.ask("Create")
        assert world.ask("Update", old=DIGEST, WaitUrl=SECOND_WAIT)["Status"] == "SUCCESS"
        assert [signal["Status"] for signal in world.cloudformation.sent_to(SECOND_WAIT)] == ["SUCCESS"]
        assert world.sagemaker.requests == []

    def test_back_to_a_kept_model_succeeds_although_its_wait_is_long_over(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.97)
        world.ask("Create")
        world.cloudformation.refusing[WAIT] = cloudformation.Unanswered("HTTP 403", 403)
        assert world.ask("Update", old=OTHER)["Status"] == "SUCCESS"

    def test_keeps_the_resources_identity_so_that_nothing_is_deleted(self, world: World) -> None:
        created = world.ask("Create")["PhysicalResourceId"]
        assert world.ask("Update", old=OTHER)["PhysicalResourceId"] == created


class TestDelete:
    def test_stops_the_job_and_forgets_who_waits(self, world: World) -> None:
        world.ask("Create")
        assert world.ask("Delete")["Status"] == "SUCCESS"
        assert world.sagemaker.jobs[JOB]["TrainingJobStatus"] == "Stopped"
        assert WAITING not in world.s3.objects

    def test_keeps_the_model(self, world: World) -> None:
        world.sagemaker.complete(JOB, 0.97)
        world.ask("Create")
        world.ask("Delete")
        assert MODEL in world.s3.objects

    def test_of_nothing_succeeds(self, world: World) -> None:
        assert world.ask("Delete")["Status"] == "SUCCESS"

    def test_succeeds_without_a_digest_and_without_a_bucket(self, world: World) -> None:
        assert world.ask("Delete", Digest="")["Status"] == "SUCCESS"
        world.s3.refusing["delete_object"] = client_error("NoSuchBucket", "gone", status=404)
        assert world.ask("Delete")["Status"] == "SUCCESS"

    def test_succeeds_for_a_job_that_ends_meanwhile_and_does_not_say_that_it_was_stopped(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.ask("Create")
        stop = world.sagemaker.stop_training_job

        def ended_just_now(*, TrainingJobName: str) -> None:
            world.sagemaker.complete(TrainingJobName, 0.97)
            stop(TrainingJobName=TrainingJobName)

        monkeypatch.setattr(world.sagemaker, "stop_training_job", ended_just_now)
        with caplog.at_level("INFO"):
            assert world.ask("Delete")["Status"] == "SUCCESS"
        assert "job stopped" not in caplog.messages

    def test_the_stopped_jobs_event_signals_nobody(self, world: World) -> None:
        world.ask("Create")
        world.ask("Delete")
        world.job_ended()
        assert world.signals == []


@pytest.mark.parametrize("event", [{}, {"source": "aws.s3"}, {"Records": []}])
def test_an_event_of_nobody_we_know_is_an_error(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="neither a CloudFormation nor an EventBridge event"):
        trained_model.handler(event, None)


def test_an_unknown_request_type_is_refused(world: World) -> None:
    assert world.ask("Read")["Reason"] == "unknown request type Read"


def test_the_pre_signed_urls_are_never_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    url = f"{WAIT}?Signature=secret"
    world.cloudformation.refusing[url] = cloudformation.Unanswered("HTTP 403", 403)
    with caplog.at_level("DEBUG"):
        world.ask("Create", WaitUrl=url)
        world.sagemaker.complete(JOB, 0.97)
        world.sweep()
    assert caplog.records
    assert "secret" not in str([record.__dict__ for record in caplog.records])
