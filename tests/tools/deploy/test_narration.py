"""The output of a deploy: a line or two a stack, a line an epoch, with the time passed; nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tools.deploy.narration import Narration, minutes, seconds_of_last_change

# As `cdk deploy --progress events` of the locked CDK prints it.
CDK = """
✨  Synthesis time: 0.04s
s-storage: start: Building Program/Zip
s-storage: success: Built Program/Zip
s-storage: creating CloudFormation changeset...
s-storage: deploying... [1/1]
s-storage | 0/7 | 9:24:51 AM | CREATE_IN_PROGRESS      | AWS::CloudFormation::Stack | s-storage
s-storage | 1/7 | 9:24:51 AM | CREATE_COMPLETE         | AWS::S3::Bucket            | AccessLog (AccessLogD598EBE9)

 ✅  s-storage

✨  Deployment time: 0.14s
Outputs:
s-storage.ExportsOutputFnGetAttKey961B73FDArn5A860C43 = arn:aws:kms:us-east-1:000000000000:key/62387114
Stack ARN:
arn:aws:cloudformation:us-east-1:000000000000:stack/s-storage/78be1882
 ✅  s-roles (no changes)
"""


class Told:
    """Lines of a narration, whose clock stands still but for `after`."""

    def __init__(self, last_change: Callable[[str], float | None] = lambda _: None) -> None:
        self.now, self.lines = 0.0, list[str]()
        self.narration = Narration(self.lines.append, last_change=last_change, clock=lambda: self.now)

    def after(self, seconds: float, text: str) -> "Told":
        self.now += seconds
        for line in text.splitlines():
            self.narration(line)
        return self


def test_a_stack_is_two_lines_and_one_without_changes_is_one() -> None:
    assert Told().after(5, CDK).lines == [
        " 0:05  ▸ s-storage",
        " 0:05  ✅ s-storage: in 0:00",
        " 0:05  = s-roles: unchanged",
    ]


def test_of_a_tuning_jobs_training_jobs_it_tells_the_results() -> None:
    told = Told().after(
        1,
        """003 algo-1 │ epoch=3 train:loss=0.1396 validation:loss=0.1460 validation:accuracy=0.9694
003 algo-1 │ features=train images=500/500 train:images_per_second=35
003 algo-1 │ test:accuracy=0.9700 test:loss=0.1200
004 algo-1 │ error: out of memory""",
    )
    assert told.lines == [
        " 0:01  003 algo-1 │ test:accuracy=0.9700 test:loss=0.1200",
        " 0:01  004 algo-1 │ error: out of memory",
    ]


def test_time_passed_counts_from_the_begin_and_a_stack_s_own_from_its_changeset() -> None:
    told = Told().after(62, "s-a: creating CloudFormation changeset...").after(3541, " ✅  s-a")
    assert told.lines == [" 1:02  ▸ s-a", "1:00:03  ✅ s-a: in 59:01"]


def test_expected_is_what_the_stack_s_last_change_took() -> None:
    told = Told(last_change={"s-a": 550.0}.get)
    told.after(0, "s-a: creating CloudFormation changeset...\ns-b: creating CloudFormation changeset...")
    assert told.lines == [" 0:00  ▸ s-a: its last change took 9:10", " 0:00  ▸ s-b"]


def test_a_stack_that_was_deployed_before_the_upload_is_not_told_again() -> None:
    told = Told().after(0, CDK).after(9, " ✅  s-storage (no changes)")
    assert len(told.lines) == 3


def test_of_a_training_epochs_and_result_and_mistakes_are_told() -> None:
    told = Told()
    told.after(
        7,
        """algo-1 │ Installing wheels
algo-1 │ epoch=3 step=4 train:loss=0.1497 train:images_per_second=91.46
algo-1 │ epoch=3 train:loss=0.1396 validation:loss=0.1460 validation:accuracy=0.9694 train:images_per_second=89.18
algo-1 │ features=train images=120/500 train:images_per_second=35
algo-1 │ features=train images=500/500 train:images_per_second=35
algo-1 │ class a: 3 of 4
algo-1 │ warning: none of the 3 test images of class b is recognised
algo-1 │ test:accuracy=0.9700 test:loss=0.1200
algo-1 │ error: batches of 2 images cannot be split over 3 instances""",
    )
    assert [line.partition("│ ")[2].split()[0] for line in told.lines] == [
        "epoch=3", "features=train", "warning:", "test:accuracy=0.9700", "error:",
    ]  # fmt: skip
    assert told.lines[0].endswith("validation:accuracy=0.9694")  # 100 columns
    assert told.lines[1].endswith("images=500/500")


def test_a_failure_is_told_once_as_the_error_at_the_end_has_the_reason() -> None:
    told = Told()
    told.after(
        4,
        """s-a: creating CloudFormation changeset...
s-a | 1/3 | 9:24:51 AM | CREATE_FAILED        | AWS::S3::Bucket | A (A1) a reason
s-a | 1/3 | 9:24:51 AM | CREATE_FAILED        | AWS::S3::Bucket | B (B1) Resource creation cancelled
❌  s-a failed: a reason""",
    )
    assert told.lines[1:] == [" 0:04  ✗ s-a failed: CloudFormation puts back what it changed"]


def test_what_stays_behind_in_the_clean_up_after_an_update_is_no_failure() -> None:
    told = Told()
    told.after(
        4,
        """s-a: creating CloudFormation changeset...
s-a | 0 | 9:24:51 AM | DELETE_FAILED | AWS::SageMaker::EndpointConfig | C (C1) Cannot delete
✅  s-a""",
    )
    assert told.lines[1:] == [" 0:04  ✅ s-a: in 0:00"]


def test_what_the_deploy_itself_does_is_told() -> None:
    assert Told().after(0, "▸ scaling was changing e: waiting").lines == [" 0:00  ▸ scaling was changing e: waiting"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (545, "9:05"), (7322, "2:02:02")])
def test_minutes_have_hours_before_them_from_one_on(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def _events(*told: tuple[str, int], of: str = "id") -> list[dict[str, Any]]:
    """Events of the stack itself, oldest first, as status and second."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        {"StackId": "id", "PhysicalResourceId": of, "ResourceStatus": status, "Timestamp": begin + timedelta(0, second)}
        for status, second in told
    ]


CREATED = ("CREATE_IN_PROGRESS", 0), ("CREATE_COMPLETE", 30)


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        (_events(*CREATED), 30),
        (_events(*CREATED, ("UPDATE_IN_PROGRESS", 50), ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 55),
                 ("UPDATE_COMPLETE", 60)), 10),
        # one that failed says nothing about how long a change takes
        (_events(*CREATED, ("UPDATE_IN_PROGRESS", 50), ("UPDATE_ROLLBACK_IN_PROGRESS", 52),
                 ("UPDATE_ROLLBACK_COMPLETE", 54)), 30),
        (_events(("REVIEW_IN_PROGRESS", 0)), None),
        (_events(*CREATED, of="a resource"), None),
    ],
)  # fmt: skip
def test_the_last_change_is_read_from_the_stack_s_events(
    monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]], seconds: float | None
) -> None:
    """Statuses: "Stack status codes", CloudFormation user guide; newest first: API reference, DescribeStackEvents."""
    monkeypatch.setattr("tools.deploy.narration.pages", lambda *_, **__: iter(events[::-1]))
    assert seconds_of_last_change("s-a") == seconds


def test_of_a_new_stack_and_of_one_that_nobody_may_ask_about_nothing_is_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStackEvents")

    monkeypatch.setattr(boto3, "client", refuse)
    assert seconds_of_last_change("s-a") is None
