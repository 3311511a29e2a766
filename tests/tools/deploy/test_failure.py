"""A deploy that failed: CloudFormation's own reason, once, and the one step that follows from it."""

from typing import Any

import pytest

from tools.cdk import CdkFailed
from tools.deploy import failure
from tools.deploy.failure import DeployFailed, next_step, one_reason

BUCKET = "slipway-dev-1-eu-west-1"
FLOOR = "test accuracy 0.8313 is under the floor 0.9 (training job slipway-dev-12ab-1)"
JOB = "training job slipway-dev-12ab-1 failed: out of memory (log group /aws/sagemaker/TrainingJobs, streams …)"
# The last lines of the CDK's output.
CDK = """s-a | 1/3 | 9:24:51 AM | CREATE_FAILED        | AWS::S3::Bucket | A (A1) a reason
❌  s-a failed: a reason
Error: Resource updates failed:"""


class Assembly:
    stacks = ("s-a",)


def event(id: str, status: str, why: str = "") -> dict[str, Any]:
    about = {"StackId": "s", "PhysicalResourceId": "s" if id == "stack" else id, "LogicalResourceId": id}
    return {**about, "ResourceStatus": status, "ResourceStatusReason": why}


EVENTS = [  # newest first
    event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [A, B]."),
    event("B", "CREATE_FAILED", "Resource creation cancelled"),
    event("C", "CREATE_FAILED", "follows from A"),
    event("A", "CREATE_FAILED", "a reason\n that goes on"),
    event("A", "CREATE_IN_PROGRESS"),
    event("stack", "CREATE_IN_PROGRESS"),
    event("Z", "UPDATE_FAILED", "of an earlier operation"),
]


def failed(monkeypatch: pytest.MonkeyPatch, said: str, events: list[dict[str, Any]]) -> CdkFailed:
    monkeypatch.setattr(failure, "pages", lambda *_, **__: iter(events))
    assembly: Any = Assembly()
    with pytest.raises(CdkFailed) as raised, one_reason(assembly, BUCKET):
        raise CdkFailed(said)
    return raised.value


def test_the_first_failure_of_the_operation_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first: API reference, DescribeStackEvents."""
    assert failed(monkeypatch, CDK, EVENTS).problems == [
        "stack s-a: A: a reason\n that goes on\n"
        "next: correct that and run the same command again: CloudFormation has put back that stack; those before it "
        "stay as they are now",
    ]


def test_a_job_s_own_reason_is_told_without_the_words_of_the_wait_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words around it are CloudFormation's: https://github.com/aws-samples/vpn-gateway-strongswan/issues/28."""
    why = f"WaitCondition received failed message: '{FLOOR}' for uniqueId: slipway-dev-12ab-1"
    raised = failed(monkeypatch, CDK, [event("Trained12abHours2", "CREATE_FAILED", why)])
    assert str(raised).startswith(f"stack s-a: {FLOOR}\nnext: look at the mistakes")


@pytest.mark.parametrize(
    ("said", "events"),
    [
        ("❌  s-a failed: ValidationError: the bucket exists", EVENTS),  # before any resource: the events are older
        (CDK, [event("stack", "CREATE_IN_PROGRESS")]),
    ],
)
def test_what_fails_elsewhere_keeps_the_lines_of_the_cdk(
    monkeypatch: pytest.MonkeyPatch, said: str, events: list[dict[str, Any]]
) -> None:
    raised = failed(monkeypatch, said, events)
    assert not isinstance(raised, DeployFailed)
    assert str(raised) == said


def test_under_the_floor_it_names_the_mistakes_and_the_settings_and_a_floor_that_the_model_reaches() -> None:
    step = next_step(FLOOR, BUCKET)
    archive = f"s3://{BUCKET}/jobs/slipway-dev-12ab-1/output/output.tar.gz"
    assert f"the mistakes, aws s3 cp {archive} - | tar xz mistakes.png, then" in step
    assert "epochs, learning_rate, architecture" in step
    assert step.endswith("with accuracy_floor=0.831 in SETTINGS")


def test_under_the_floor_in_the_mean_over_classes_the_step_is_more_images_of_the_bad_ones() -> None:
    why = f"balanced {FLOOR}: some classes are hardly recognised, though 0.97 of all test images are"
    step = next_step(why, BUCKET)
    assert "confusion.png" in step
    assert "then add images of the classes that are hardly recognised, or accept this model" in step
    assert step.endswith("with accuracy_floor=0.831 in SETTINGS")


def test_under_the_floor_of_classes_the_step_names_that_setting() -> None:
    why = f"lowest class's {FLOOR}, though 0.97 of all test images are recognised"
    step = next_step(why, BUCKET)
    assert "confusion.png" in step
    assert step.endswith("with class_accuracy_floor=0.831 in SETTINGS")


@pytest.mark.parametrize(("accuracy", "floor"), [("0.83", "0.829"), ("1", "0.999"), ("0", "0"), ("0.8", "0.799")])
def test_that_floor_is_under_an_accuracy_that_was_rounded_up(accuracy: str, floor: str) -> None:
    assert next_step(FLOOR.replace("0.8313", accuracy), BUCKET).endswith(f" accuracy_floor={floor} in SETTINGS")


def test_after_a_job_that_failed_it_names_the_command_that_shows_its_log() -> None:
    assert next_step(JOB, BUCKET).endswith("--log-stream-name-prefix slipway-dev-12ab-1")
