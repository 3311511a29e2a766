"""The dashboard shows endpoint and function, and every alarm reaches who asked to hear of it."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.stacks.conftest import Synthesize
from tests.stacks.resources import of_type, only, text

ENDPOINT, FUNCTION = "slipway-dev-", "slipway-dev-classify"


@pytest.fixture
def operations(templates: dict[str, Template]) -> Template:
    return templates["operations"]


def alarms(operations: Template) -> dict[str, dict[str, Any]]:
    return {alarm["AlarmName"]: alarm for alarm in of_type(operations, "AWS::CloudWatch::Alarm")}


def test_what_is_watched(operations: Template) -> None:
    assert set(alarms(operations)) == {
        f"slipway-dev-{name}"
        for name in ("endpoint-errors", "endpoint-latency", "endpoint-full", "classify-errors", "classify-throttles")
    }


def test_every_alarm_tells_the_topic_when_it_rings_and_when_it_is_over(operations: Template) -> None:
    (topic,) = operations.find_resources("AWS::SNS::Topic")
    for alarm in alarms(operations).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_latency_is_compared_in_the_metric_s_microseconds(operations: Template) -> None:
    latency = alarms(operations)["slipway-dev-endpoint-latency"]
    assert (latency["MetricName"], latency["ExtendedStatistic"], latency["Threshold"]) == ("ModelLatency", "p99", 3e6)


def test_without_a_limit_nobody_hears_of_latency(synthesize: Synthesize) -> None:
    assert "slipway-dev-endpoint-latency" not in alarms(synthesize(endpoint_rollback_p99_ms=0)["operations"])


def test_the_alarm_of_a_full_endpoint_counts_instances(operations: Template) -> None:
    full = alarms(operations)["slipway-dev-endpoint-full"]
    assert (full["MetricName"], full["Statistic"], full["Threshold"]) == ("CPUUtilization", "SampleCount", 3)
    assert full["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_alarms_are_of_the_endpoint_s_variant_and_of_the_alias_that_is_called(
    operations: Template, templates: dict[str, Template]
) -> None:
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")["EndpointName"]
    for name, alarm in alarms(operations).items():
        expected = (
            {"EndpointName": endpoint, "VariantName": "live"}
            if "endpoint" in name
            else {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live"}
        )
        assert {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]} == expected


def test_the_topic_hears_this_systems_alarms_alone_and_over_tls_alone(operations: Template) -> None:
    assert "KmsMasterKeyId" in only(operations, "AWS::SNS::Topic")
    statements = only(operations, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (publish,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert text(publish["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":alarm:slipway-dev-*")
    (deny,) = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nobody_hears_of_alarms_unless_there_is_an_address(operations: Template, synthesize: Synthesize) -> None:
    operations.resource_count_is("AWS::SNS::Subscription", 0)
    synthesize(alarm_email="someone@example.org")["operations"].has_resource_properties(
        "AWS::SNS::Subscription",
        {"Protocol": "email", "Endpoint": "someone@example.org", "TopicArn": Match.any_value()},
    )


def test_the_dashboard_shows_what_the_alarms_look_at(operations: Template) -> None:
    shown = text(only(operations, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert {alarm["MetricName"] for alarm in alarms(operations).values()} <= _metrics(shown)
    wanted = {"Invocations", "OverheadLatency", "ConcurrentRequestsPerModel", "MemoryUtilization", "Duration"}
    spilled = {"ProvisionedConcurrencyUtilization", "ProvisionedConcurrencySpilloverInvocations"}
    assert wanted | spilled <= _metrics(shown)


def _metrics(body: str) -> set[str]:
    """Names of the metrics in a dashboard's graphs."""
    graphs = [widget["properties"] for widget in json.loads(body)["widgets"] if widget["type"] == "metric"]
    return {metric[1] for graph in graphs for metric in graph["metrics"]}
