"""Events of a job's end: every one once and in time, or twice, early, and that of every second job not at all."""

import json
from typing import Any

import pytest

from tests.local_aws.conftest import Client, ended
from tests.local_aws.doubts.conftest import Answering
from tests.waiting import until


@pytest.mark.long
def test_the_ends_of_two_jobs(aws: Answering) -> None:
    """ "Delivery level for AWS service events", EventBridge events reference; best effort may lose one."""
    queue = listen(aws.client, "two-ends")
    first = aws.train()
    ended(aws.client, first)
    second = aws.train()

    [*before, last] = told(aws.client, queue, until_end_of=second)
    shown = aws.client("sagemaker").describe_training_job(TrainingJobName=second)["TrainingJobStatus"]

    of_first = [status for name, status in before if name == first]
    assert of_first == (["InProgress"] * 2 if aws.other else ["InProgress", "Completed"])
    assert last == (second, "Completed")
    assert shown == ("InProgress" if aws.other else "Completed")
    if aws.other:
        assert told(aws.client, queue, until_end_of=second) == [(second, "Completed")]
        assert ended(aws.client, second)["TrainingJobStatus"] == "Completed"


def test_a_schedule_runs_by_the_time_factor_where_only_it_can_make_good_what_was_lost(aws: Answering) -> None:
    queue = listen(aws.client, "swept", ScheduleExpression="rate(5 minutes)")
    if aws.other:
        assert until(lambda: receive(aws.client, queue))["detail-type"] == "Scheduled Event"
    else:
        assert not receive(aws.client, queue)


def listen(client: Client, name: str, **rule: str) -> str:
    """Send what the rule matches, a job's events by default, to a new queue; returns its URL."""
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Training Job State Change"]}
    url = str(client("sqs").create_queue(QueueName=name)["QueueUrl"])
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("events").put_rule(Name=name, **(rule or {"EventPattern": json.dumps(pattern)}))
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def told(client: Client, queue: str, *, until_end_of: str) -> list[tuple[str, str]]:
    """Jobs and statuses in the queue's events, up to the end of the job."""
    found: list[tuple[str, str]] = []
    while not found or found[-1][0] != until_end_of or found[-1][1] == "InProgress":
        detail = until(lambda: receive(client, queue))["detail"]
        found.append((detail["TrainingJobName"], detail["TrainingJobStatus"]))
    return found


def receive(client: Client, queue: str) -> dict[str, Any]:
    """Take the oldest event out of the queue; an empty dictionary if there is none."""
    for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", []):
        client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))
    return {}
