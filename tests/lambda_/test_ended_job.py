"""A job that has ended: its model is kept and signalled, or the reason why it is not, and nobody waits for ever."""

import json
from typing import Any

import cloudformation
import pytest
import trained_model
from jobs import ACCURACIES

from tests.lambda_.fakes import client_error
from tests.lambda_.world import DIGEST, JOB, MODEL, OTHER, SECOND_WAIT, WAIT, WAITING, World


class TestEndedJob:
    def test_good_enough_is_kept_and_signalled(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.8)
        world.job_ended()
        (signal,) = world.signals
        assert (signal["Status"], signal["UniqueId"], signal["Data"]) == (
            "SUCCESS",
            JOB,
            "0.8, balanced 0.8, lowest class 0.8",
        )
        assert world.s3.objects[MODEL] == f"model of {JOB}".encode()
        result = json.loads(world.s3.objects[f"models/{DIGEST}/result.json"])
        assert result == {"job": JOB, "test_accuracy": 0.8, "balanced_accuracy": 0.8, "lowest_class_accuracy": 0.8}
        assert WAITING not in world.s3.objects

    def test_under_the_floor_is_signalled_with_both_numbers_and_not_kept(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.61)
        world.job_ended()
        (signal,) = world.signals
        assert signal["Status"] == "FAILURE"
        assert signal["Reason"] == f"test accuracy 0.61 is under the floor 0.8 (training job {JOB})"
        assert MODEL not in world.s3.objects
        assert WAITING not in world.s3.objects

    def test_a_class_that_is_never_recognised_does_not_hide_in_the_mean_over_images(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97, balanced=0.5)
        world.job_ended()
        (signal,) = world.signals
        assert signal["Status"] == "FAILURE"
        assert signal["Reason"] == (
            f"balanced test accuracy 0.5 is under the floor 0.8 (training job {JOB}): some classes are hardly "
            "recognised, though 0.97 of all test images are"
        )
        assert MODEL not in world.s3.objects

    def test_a_class_under_the_floor_of_classes_is_signalled_and_the_model_not_kept(self, world: World) -> None:
        world.ask("Create", ClassAccuracyFloor="0.6")
        world.sagemaker.complete(JOB, 0.97, balanced=0.9, lowest=0.5)
        world.job_ended()
        (signal,) = world.signals
        assert signal["Status"] == "FAILURE"
        assert signal["Reason"] == (
            f"lowest class's test accuracy 0.5 is under the floor 0.6 (training job {JOB}), though 0.97 of all test "
            "images are recognised"
        )
        assert MODEL not in world.s3.objects

    def test_a_note_of_an_earlier_version_has_no_floor_of_classes(self, world: World) -> None:
        world.ask("Create", ClassAccuracyFloor="0.6")
        note = json.loads(world.s3.objects[WAITING])
        del note["class_floor"]
        world.s3.objects[WAITING] = json.dumps(note).encode()
        world.sagemaker.complete(JOB, 0.97, lowest=0.5)
        world.job_ended()
        assert world.signals[0]["Status"] == "SUCCESS"

    def test_failed_is_signalled_with_the_jobs_own_reason_and_its_log(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.fail(JOB, "AlgorithmError: class 7 has no images in test/")
        world.job_ended()
        (signal,) = world.signals
        assert signal["Status"] == "FAILURE"
        assert f"training job {JOB} failed: AlgorithmError: class 7 has no images in test/" in signal["Reason"]
        assert "/aws/sagemaker/TrainingJobs" in signal["Reason"]

    def test_stopped_by_its_time_limit_says_so(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.jobs[JOB] = {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
        world.job_ended()
        assert f"training job {JOB} stopped: MaxRuntimeExceeded" in world.signals[0]["Reason"]

    def test_whose_metrics_come_after_its_event_is_kept(self, world: World) -> None:
        """DescribeTrainingJob, SageMaker API reference, does not say when FinalMetricDataList is filled."""
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.sagemaker.late = 3
        world.job_ended()
        assert world.signals[0]["Status"] == "SUCCESS"
        assert MODEL in world.s3.objects

    def test_without_an_accuracy_is_not_taken_for_a_good_one(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, None)
        world.job_ended()
        assert world.signals[0]["Status"] == "FAILURE"
        assert f"without logging {', '.join(ACCURACIES)}" in world.signals[0]["Reason"]

    def test_without_a_balanced_accuracy_is_not_taken_for_a_good_one(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        del world.sagemaker.jobs[JOB]["FinalMetricDataList"][1]
        world.job_ended()
        assert world.signals[0]["Status"] == "FAILURE"
        assert world.signals[0]["Reason"].endswith("without logging test:balanced_accuracy")

    def test_whose_model_cannot_be_copied_does_not_keep_the_stack_waiting(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.s3.refusing["copy_object"] = client_error("AccessDenied", "Access Denied", status=403)
        world.job_ended()
        assert world.signals[0]["Reason"].endswith("its model was not copied: Access Denied")

    def test_is_looked_at_again_when_s3_is_unwell(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.s3.refusing["copy_object"] = client_error("InternalError", "try again", status=500)
        with pytest.raises(RuntimeError, match="try again"):
            world.job_ended()
        assert world.signals == []
        world.s3.refusing.clear()
        world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_is_forgotten_only_when_the_signal_got_through(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.cloudformation.refusing[WAIT] = cloudformation.Unanswered("HTTP 500", 500)
        with pytest.raises(RuntimeError, match="tried again"):
            world.job_ended()
        assert WAITING in world.s3.objects
        world.cloudformation.refusing.clear()
        world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_is_found_by_the_sweep_when_its_event_was_lost(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.sweep()
        world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_running_ones_are_left_alone(self, world: World) -> None:
        world.ask("Create")
        world.sweep()
        assert world.signals == []
        assert WAITING in world.s3.objects

    def test_one_that_was_never_created_is_given_time_and_then_up(self, world: World) -> None:
        world.ask("Create")
        del world.sagemaker.jobs[JOB]
        world.sweep()
        assert world.signals == []
        world.now += 16 * 60
        world.sweep()
        assert "was never started" in world.signals[0]["Reason"]

    def test_one_bad_wait_does_not_hold_up_the_others(self, world: World) -> None:
        world.ask("Create", Digest=OTHER, WaitUrl="https://cloudformation.test/other")
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.sagemaker.complete(f"slipway-dev-{OTHER[:12]}-1", 0.97)
        world.cloudformation.refusing[WAIT] = cloudformation.Unanswered("HTTP 500", 500)
        with pytest.raises(RuntimeError, match=DIGEST[:12]):
            world.sweep()
        assert len(world.cloudformation.sent_to("https://cloudformation.test/other")) == 1


class TestNotes:
    FOREIGN = f"jobs/waiting/{'0' * 64}.json"  # sorts before the stack's own

    @pytest.mark.parametrize(
        "note", [b"", b"{", b"[]", b"{}", b'{"digest": "d"}', b"\xff", b'{"newer": 1}'], ids=lambda note: repr(note)
    )
    def test_one_that_cannot_be_read_holds_up_nobody_and_is_named(self, world: World, note: bytes) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.s3.objects[self.FOREIGN] = note
        with pytest.raises(RuntimeError, match=self.FOREIGN):
            world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_one_of_an_unknown_kind_holds_up_nobody(self, world: World) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.s3.objects[self.FOREIGN] = world.s3.objects[WAITING].replace(b'"TrainingJob"', b'"ProcessingJob"')
        with pytest.raises(RuntimeError, match=self.FOREIGN):
            world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_a_folder_that_s3_s_console_made_is_none(self, world: World) -> None:
        """ "Organizing objects in the Amazon S3 console by using folders", S3 user guide: an empty object, name/."""
        world.s3.objects["jobs/waiting/"] = b""
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        world.sweep()
        assert [signal["Status"] for signal in world.signals] == ["SUCCESS"]

    def test_one_that_another_invocation_has_removed_since_the_list_is_over(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        listed = world.s3.paginate

        def lists_what_then_goes(**named: Any) -> Any:
            pages = list(listed(**named))
            del world.s3.objects[WAITING]
            return pages

        monkeypatch.setattr(world.s3, "paginate", lists_what_then_goes)
        world.sweep()
        assert world.signals == []

    def test_one_that_another_invocation_has_forgotten_first_is_over(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        monkeypatch.setattr(trained_model, "signal", lambda *_, **__: world.s3.objects.pop(WAITING))
        world.sweep()

    def test_a_newer_one_of_the_same_digest_stays_and_is_signalled(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ "How to perform conditional deletes", S3 user guide: 412 where the object has changed since it was read."""
        world.ask("Create")
        world.sagemaker.complete(JOB, 0.97)
        newer = world.s3.objects[WAITING].replace(WAIT.encode(), SECOND_WAIT.encode())
        signal = trained_model.signal

        def signal_and_deploy_again(url: str, **named: Any) -> None:
            signal(url, **named)
            if url == WAIT:
                world.s3.objects[WAITING] = newer

        monkeypatch.setattr(trained_model, "signal", signal_and_deploy_again)
        world.sweep()
        assert world.s3.objects[WAITING] == newer
        world.sweep()
        assert [each["Status"] for each in world.cloudformation.sent_to(SECOND_WAIT)] == ["SUCCESS"]
        assert WAITING not in world.s3.objects

    def test_one_that_may_not_be_read_is_an_error(self, world: World) -> None:
        world.ask("Create")
        world.s3.refusing["get_object"] = client_error("AccessDenied", "Access Denied", status=403)
        with pytest.raises(RuntimeError, match="Access Denied"):
            world.sweep()
