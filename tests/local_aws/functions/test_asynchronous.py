"""A function that fails is called again, twice.

Source: "How Lambda handles errors and retries with asynchronous invocation", Lambda developer guide.
"""

import json
from itertools import count
from pathlib import Path

import pytest

from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tests.local_aws.functions.test_concurrency import zipped
from tests.local_aws.iam.test_service_calls import permit
from tests.waiting import until

# Each call adds a line to a file. The first calls fail: an odd one raises, an even one kills its process.
CODE = """
import json, os, signal, urllib.request
def handler(event, context):
    with open(os.environ["CALLS"], "a+") as file:
        file.write("called\\n")
        file.seek(0)
        calls = len(file.readlines())
    if calls <= int(os.environ["FAILURES"]):
        if calls % 2:
            raise RuntimeError("not yet")
        os.kill(os.getpid(), signal.SIGKILL)
    if "ResponseURL" in event:
        names = ("StackId", "RequestId", "LogicalResourceId")
        body = {"Status": "SUCCESS", "PhysicalResourceId": "made", **{name: event[name] for name in names}}
        content, headers = json.dumps(body).encode(), {"Content-Type": ""}
        urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], content, headers, method="PUT"))
"""
_numbers = count()


class FailingFunction:
    """A function that fails `failures` times, and counts its calls."""

    def __init__(self, client: Client, calls: Path, failures: int) -> None:
        self.name = f"failing-{next(_numbers)}"
        self._calls = calls
        calls.touch()
        self.arn = client("lambda").create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Role=make_role(client, self.name, "lambda.amazonaws.com"),
            Handler="f.handler",
            Code={"ZipFile": zipped(CODE)},
            Timeout=60,
            Environment={"Variables": {"CALLS": str(calls), "FAILURES": str(failures)}},
        )["FunctionArn"]

    @property
    def calls(self) -> int:
        return len(self._calls.read_text().splitlines())


@pytest.fixture
def failing(client: Client, tmp_path: Path) -> FailingFunction:
    return FailingFunction(client, tmp_path / "calls", failures=2)


def test_the_event_of_a_rule_is_given_again(client: Client, failing: FailingFunction) -> None:
    events = client("events")
    rule = events.put_rule(Name=failing.name, EventPattern=json.dumps({"source": [failing.name]}))["RuleArn"]
    permit(client, failing.arn, "events", SourceArn=rule)
    events.put_targets(Rule=failing.name, Targets=[{"Id": "f", "Arn": failing.arn}])

    events.put_events(Entries=[{"Source": failing.name, "DetailType": "t", "Detail": "{}"}])

    until(lambda: failing.calls == 3)


def test_the_message_of_a_topic_is_given_again(client: Client, failing: FailingFunction) -> None:
    topic = client("sns").create_topic(Name=failing.name)["TopicArn"]
    permit(client, failing.arn, "sns", SourceArn=topic)
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=failing.arn)

    client("sns").publish(TopicArn=topic, Message="hello")

    until(lambda: failing.calls == 3)


def test_a_custom_resource_is_made_though_its_function_was_killed_during_the_request(
    client: Client, failing: FailingFunction
) -> None:
    resource = {"Type": "Custom::Thing", "Properties": {"ServiceToken": failing.arn, "ServiceTimeout": "600"}}
    template = json.dumps({"Resources": {"Thing": resource}})

    client("cloudformation").create_stack(StackName=failing.name, TemplateBody=template)

    assert wait_for_stack(client, failing.name) == "CREATE_COMPLETE"
    assert failing.calls == 3


@pytest.mark.long
def test_it_is_given_up_after_the_third_call_and_one_that_waits_gets_its_error_at_once(
    client: Client, tmp_path: Path
) -> None:
    failing = FailingFunction(client, tmp_path / "calls", failures=9)
    answer = client("lambda").invoke(FunctionName=failing.name, Payload=b"{}")
    assert (answer["FunctionError"], failing.calls) == ("Unhandled", 1)

    resource = {"Type": "Custom::Thing", "Properties": {"ServiceToken": failing.arn, "ServiceTimeout": "8"}}
    template = json.dumps({"Resources": {"Thing": resource}})
    client("cloudformation").create_stack(StackName=failing.name, TemplateBody=template, OnFailure="DO_NOTHING")
    assert wait_for_stack(client, failing.name) == "CREATE_FAILED"
    until(lambda: failing.calls == 4)
