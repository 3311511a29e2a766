"""A service calls a function or a topic only if the policy there allows it, by the keys that the service sends."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from local_aws.home import ACCOUNT, DEFAULT_REGION
from tests.local_aws.conftest import Client, make_role
from tests.waiting import until

EVENTS = f"arn:aws:events:{DEFAULT_REGION}:{ACCOUNT}:rule"
ALARMS = f"arn:aws:cloudwatch:{DEFAULT_REGION}:{ACCOUNT}:alarm"
_numbers = count()


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    logs = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    return make_role(client, "called-by-services", "lambda.amazonaws.com", logs)


@pytest.fixture
def name() -> str:
    """Name of a test's function, topic, rule and alarm."""
    return f"called-{next(_numbers)}"


@pytest.fixture
def function(client: Client, role: str, name: str) -> str:
    return make_function(client, role, name)


def make_function(client: Client, role: str, name: str) -> str:
    """ARN of a new function that logs its calls."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): print('called')")
    made = client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": code.getvalue()}
    )
    return str(made["FunctionArn"])


def permit(client: Client, function: str, service: str, **source: str) -> None:
    client("lambda").add_permission(
        FunctionName=function,
        StatementId=service,
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        **source,
    )


def called(client: Client, function: str) -> bool:
    prefix = f"/aws/lambda/{function.rpartition(':')[2]}"
    return bool(client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"])


def failures(client: Client, rule: str) -> float:
    now = datetime.now(UTC)
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="FailedInvocations",
        Dimensions=[{"Name": "RuleName", "Value": rule}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ({"SourceArn": f"{EVENTS}/{{name}}"}, True),
        ({}, True),
        ({"SourceArn": f"{EVENTS}/{{name}}", "SourceAccount": ACCOUNT}, False),
        ({"SourceAccount": ACCOUNT}, False),
        ({"SourceArn": f"{EVENTS}/another"}, False),
        (None, False),
    ],
)
def test_a_rule_calls_a_function_whose_policy_names_it_and_no_account(
    client: Client, function: str, name: str, source: dict[str, str] | None, calls: bool
) -> None:
    """AWS: "Troubleshooting Amazon EventBridge", EventBridge user guide, "My rule ran but my Lambda function wasn't
    invoked": with a SourceAccount in the function's policy EventBridge cannot invoke the function."""
    client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function}])
    if source is not None:
        permit(client, function, "events", **{key: value.format(name=name) for key, value in source.items()})

    client("events").put_events(Entries=[{"Source": name, "DetailType": "any", "Detail": "{}"}])

    until(lambda: called(client, function) or failures(client, name))
    assert (called(client, function), failures(client, name)) == (calls, 0 if calls else 1)


PUBLISH = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudwatch.amazonaws.com"},
    "Action": ["sns:Publish", "kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": f"{ALARMS}:called-*"}},
}
ELSEWHERE = {**PUBLISH, "Condition": {"ArnLike": {"aws:SourceArn": f"{ALARMS}:another-*"}}}
ACCOUNT_ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "*",
    "Resource": "*",
}


@pytest.mark.parametrize(
    ("topic_policy", "key_policy", "function_policy", "arrives"),
    [
        (PUBLISH, PUBLISH, {}, True),
        (ELSEWHERE, PUBLISH, {}, False),
        (PUBLISH, ELSEWHERE, {}, False),
        (PUBLISH, ACCOUNT_ROOT, {}, False),
        (PUBLISH, PUBLISH, {"SourceAccount": ACCOUNT}, True),
    ],
)
def test_an_alarm_reaches_a_function_through_a_topic_if_each_policy_on_the_way_allows_it(
    client: Client,
    function: str,
    name: str,
    topic_policy: dict[str, Any],
    key_policy: dict[str, Any],
    function_policy: dict[str, str],
    arrives: bool,
) -> None:
    """AWS: "Key management", "Enable compatibility between event sources from AWS services and encrypted topics",
    SNS developer guide; and "Why didn't I receive an SNS notification for my CloudWatch alarm trigger?", re:Post, for
    the entry in the alarm's history."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [ACCOUNT_ROOT, key_policy]})
    key = client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]
    attributes = {"KmsMasterKeyId": key, "Policy": json.dumps({"Version": "2012-10-17", "Statement": [topic_policy]})}
    topic = client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    permit(client, function, "sns", SourceArn=topic, **function_policy)
    client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Shop",
        MetricName="Seconds",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )

    def actions() -> list[str]:
        entries = client("cloudwatch").describe_alarm_history(AlarmName=name, HistoryItemType="Action")
        return [entry["HistorySummary"] for entry in entries["AlarmHistoryItems"]]

    client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")

    [told] = until(actions)
    refused = f"{ALARMS}:{name} is not authorized to perform: SNS:Publish on resource: {topic}"
    assert (f"Successfully executed action {topic}" == told, refused in told) == (arrives, not arrives)
    if arrives:
        until(lambda: called(client, function))
    assert called(client, function) == arrives


@pytest.mark.parametrize("service", ["sns", "s3"])
def test_a_topic_and_a_bucket_call_only_the_function_that_lets_them(
    client: Client, function: str, role: str, name: str, service: str
) -> None:
    """AWS: "Working with resource-based IAM policies in Lambda", Lambda developer guide."""
    closed = make_function(client, role, f"{name}-closed")
    if service == "sns":
        source = client("sns").create_topic(Name=name)["TopicArn"]
        for endpoint in (closed, function):
            client("sns").subscribe(TopicArn=source, Protocol="lambda", Endpoint=endpoint)
    else:
        source = f"arn:aws:s3:::{name}"
        client("s3").create_bucket(Bucket=name)
        targets = [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]} for arn in (closed, function)]
        client("s3").put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": targets}
        )
    permit(client, function, service, SourceArn=source, SourceAccount=ACCOUNT)
    permit(client, closed, service, SourceArn=f"{source}-another", SourceAccount=ACCOUNT)

    if service == "sns":
        client("sns").publish(TopicArn=source, Message="any")
    else:
        client("s3").put_object(Bucket=name, Key="any", Body=b"")

    until(lambda: called(client, function))
    assert not called(client, closed)


def test_an_alarm_that_rings_by_itself_reaches_a_topic_that_takes_tls_alone(
    client: Client, function: str, name: str
) -> None:
    """AWS: "aws:SecureTransport" in "AWS global condition context keys", IAM user guide. CDK's `enforce_ssl` denies
    what comes without TLS, and an alarm that is evaluated comes with no request of a client."""
    deny = {
        "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny, PUBLISH]})
    topic = client("sns").create_topic(Name=name, Attributes={"Policy": policy})["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    permit(client, function, "sns", SourceArn=topic)
    client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace=name, MetricName="Seconds", Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=5, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
    )  # fmt: skip

    def too_long() -> bool:
        client("cloudwatch").put_metric_data(Namespace=name, MetricData=[{"MetricName": "Seconds", "Value": 9}])
        return called(client, function)

    until(too_long)
