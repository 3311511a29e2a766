"""The dashboard shows endpoint and function, and every alarm reaches who asked to hear of it."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from aws.resource_types import BUDGET, REGIONS_WITHOUT
from tests.stacks.conftest import Synthesize
from tests.stacks.resources import ON_EC2, of_type, only, text
from tools.cdk import ROOT

TUNED = {"tuning_max_jobs": 4, "tuning_learning_rate": "0.001..0.1"}
FUNCTION, REQUESTS = "slipway-dev-classify", "Slipway/Classify"


@pytest.fixture
def operations(templates: dict[str, Template]) -> Template:
    return templates["operations"]


def alarms(operations: Template) -> dict[str, dict[str, Any]]:
    """Alarms on one metric that notify somebody, by name."""
    of_metrics = of_type(operations, "AWS::CloudWatch::Alarm")
    return {alarm["AlarmName"]: alarm for alarm in of_metrics if "AlarmActions" in alarm}


def test_what_is_watched(operations: Template) -> None:
    assert set(alarms(operations)) == {
        f"slipway-dev-{name}"
        for name in (
            "endpoint-errors", "endpoint-latency", "endpoint-full", "classify-failing", "classify-overloaded",
            "classify-errors", "classify-throttles",
            "trained-model-errors", "trained-model-throttles", "training-failed",
        )
    }  # fmt: skip


def test_every_alarm_tells_the_topic_when_it_rings_and_when_it_is_over(operations: Template) -> None:
    (topic,) = operations.find_resources("AWS::SNS::Topic")
    for alarm in alarms(operations).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_an_endpoint_that_was_up_for_a_day_without_a_call_rings(operations: Template) -> None:
    """A new endpoint has no call either, and SageMaker publishes no 0: "Edit an automatic scaling policy", SageMaker
    developer guide. Hours times periods may not be over a day: "PutMetricAlarm", CloudWatch API reference."""
    (topic,) = operations.find_resources("AWS::SNS::Topic")
    rings = only(operations, "AWS::CloudWatch::CompositeAlarm")
    assert rings["AlarmName"] == "slipway-dev-endpoint-unused"
    assert rings["AlarmActions"] == rings["OKActions"] == [{"Ref": topic}]
    halves = {
        id: it["Properties"]
        for id, it in operations.find_resources("AWS::CloudWatch::Alarm").items()
        if "AlarmActions" not in it["Properties"]
    }
    both = " AND ".join(f'ALARM("${{{id}.Arn}}")' for id in halves)
    assert text(rings["AlarmRule"]) == f"({both})"
    said = {half["MetricName"]: (half["ComparisonOperator"], half["TreatMissingData"]) for half in halves.values()}
    assert said == {
        "Invocations": ("LessThanThreshold", "breaching"),
        "CPUUtilization": ("GreaterThanOrEqualToThreshold", "notBreaching"),
    }
    assert {(half["Period"], half["EvaluationPeriods"], half["Threshold"]) for half in halves.values()} == {
        (3600, 24, 1)
    }


def test_of_an_endpoint_that_is_off_there_is_neither_alarm_nor_graph(synthesize: Synthesize) -> None:
    off = synthesize(endpoint="off")["operations"]
    assert not [name for name in alarms(off) if "endpoint" in name]
    off.resource_count_is("AWS::CloudWatch::CompositeAlarm", 0)
    assert "AWS/SageMaker" not in text(only(off, "AWS::CloudWatch::Dashboard")["DashboardBody"])


def test_latency_is_compared_in_the_metric_s_microseconds(operations: Template) -> None:
    latency = alarms(operations)["slipway-dev-endpoint-latency"]
    assert (latency["MetricName"], latency["ExtendedStatistic"], latency["Threshold"]) == ("ModelLatency", "p99", 3e6)


def test_without_a_limit_nobody_hears_of_latency(synthesize: Synthesize) -> None:
    assert "slipway-dev-endpoint-latency" not in alarms(synthesize(endpoint_rollback_p99_ms=0)["operations"])


def test_the_alarm_of_a_full_endpoint_counts_instances(operations: Template) -> None:
    full = alarms(operations)["slipway-dev-endpoint-full"]
    assert (full["MetricName"], full["Statistic"], full["Threshold"]) == ("CPUUtilization", "SampleCount", 3)
    assert full["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_a_schedule_that_allows_more_instances_says_when_the_endpoint_is_full(synthesize: Synthesize) -> None:
    scheduled = synthesize(endpoint_schedule="cron(0 8 ? * MON-FRI *)=2..6;cron(0 20 ? * MON-FRI *)=1..3")
    assert alarms(scheduled["operations"])["slipway-dev-endpoint-full"]["Threshold"] == 6


@pytest.mark.parametrize(
    "limits",
    [
        {"endpoint_min_instances": 2, "endpoint_max_instances": 2},
        {"endpoint_max_instances": 3, "endpoint_schedule": "cron(0 8 ? * MON-FRI *)=4..4"},
    ],
    ids=["always", "in a schedule"],
)
def test_an_endpoint_that_is_meant_to_be_full_rings_nothing(limits: dict[str, Any], synthesize: Synthesize) -> None:
    found = alarms(synthesize(**limits)["operations"])
    assert "slipway-dev-endpoint-errors" in found
    assert "slipway-dev-endpoint-full" not in found


def test_alarms_are_of_what_is_called(operations: Template, templates: dict[str, Template]) -> None:
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")["EndpointName"]
    expected = {
        "endpoint": {"EndpointName": endpoint, "VariantName": "live"},
        "classify": {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live"},
        "classify-failing": {"FunctionName": FUNCTION},
        "classify-overloaded": {"FunctionName": FUNCTION, "Code": "TooManyRequests"},
        "trained": {"FunctionName": "slipway-dev-trained-model"},
        "training": {"RuleName": "slipway-dev-training-failed"},
    }
    for name, alarm in alarms(operations).items():
        found = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        of = name.removeprefix("slipway-dev-")
        assert found == expected.get(of, expected[of.split("-")[0]])


def test_an_outage_that_the_function_only_tells_its_callers_of_rings(operations: Template) -> None:
    """Lambda counts no error where the function answers, and an endpoint that is gone has no metrics."""
    failing = alarms(operations)["slipway-dev-classify-failing"]
    assert (failing["Namespace"], failing["MetricName"]) == (REQUESTS, "Failures")
    assert (failing["Statistic"], failing["Threshold"], failing["EvaluationPeriods"]) == ("Average", 0.01, 3)


def test_refusals_that_go_on_ring_too(operations: Template) -> None:
    overloaded = alarms(operations)["slipway-dev-classify-overloaded"]
    assert (overloaded["Namespace"], overloaded["MetricName"]) == (REQUESTS, "Requests")
    assert (overloaded["Statistic"], overloaded["Threshold"], overloaded["EvaluationPeriods"]) == ("Sum", 0, 5)


@pytest.mark.parametrize(
    ("settings", "kind", "job"),
    [({}, "Training", "TrainingJob"), (TUNED, "HyperParameter Tuning", "HyperParameterTuningJob")],
    ids=["training", "tuning"],
)
def test_the_alarm_of_training_counts_this_systems_jobs_that_failed_or_were_stopped(
    settings: dict[str, Any], kind: str, job: str, synthesize: Synthesize
) -> None:
    rule = only(synthesize(**settings)["operations"], "AWS::Events::Rule")
    assert rule["Name"] == "slipway-dev-training-failed"
    assert "Targets" not in rule  # its metric is what counts
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": [f"SageMaker {kind} Job State Change"],
        "detail": {f"{job}Name": [{"prefix": "slipway-dev-"}], f"{job}Status": ["Failed", "Stopped"]},
    }


def test_the_alarm_of_the_ec2_training_counts_the_failures_of_its_stack(synthesize: Synthesize) -> None:
    """A job's end is an event of SageMaker's; of the instance only CloudFormation, which waits for it, can tell."""
    operations = synthesize(**ON_EC2)["operations"]
    [rule] = [each for each in of_type(operations, "AWS::Events::Rule") if "ec2" in each["Name"]]
    pattern = rule["EventPattern"]
    assert "Targets" not in rule
    assert (pattern["source"], pattern["detail-type"]) == (
        ["aws.cloudformation"], ["CloudFormation Stack Status Change"],
    )  # fmt: skip
    [stack] = pattern["detail"]["stack-id"]
    here = "${AWS::Region}:${AWS::AccountId}"
    assert text(stack["prefix"]) == f"arn:${{AWS::Partition}}:cloudformation:{here}:stack/slipway-dev-ec2-training/"
    assert "ROLLBACK_IN_PROGRESS" in pattern["detail"]["status-details"]["status"]
    alarm = alarms(operations)["slipway-dev-ec2-training-failed"]
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": rule["Name"]}]


def test_without_an_ec2_training_there_is_no_alarm_of_it(operations: Template) -> None:
    assert "slipway-dev-ec2-training-failed" not in alarms(operations)
    operations.resource_count_is("AWS::Events::Rule", 1)


def test_one_failed_sweep_rings_nothing_and_three_do(operations: Template) -> None:
    alarm = alarms(operations)["slipway-dev-trained-model-errors"]
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)  # it is called every 5 minutes


def test_the_topic_hears_alarms_and_budgets_alone_and_over_tls_alone(operations: Template) -> None:
    assert "KmsMasterKeyId" in only(operations, "AWS::SNS::Topic")
    statements = only(operations, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = {s["Principal"]["Service"]: s for s in statements if s["Effect"] == "Allow"}
    sources = {service: text(s["Condition"]["ArnLike"]["aws:SourceArn"]) for service, s in allowed.items()}
    here = "${AWS::Region}:${AWS::AccountId}"
    assert sources == {
        "cloudwatch.amazonaws.com": f"arn:${{AWS::Partition}}:cloudwatch:{here}:alarm:slipway-dev-*",
        "budgets.amazonaws.com": "arn:${AWS::Partition}:budgets::${AWS::AccountId}:*",
    }
    for statement in allowed.values():
        assert statement["Action"] == "sns:Publish"
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
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


def test_the_dashboard_of_each_region_has_a_name_of_its_own(operations: Template) -> None:
    """AWS: "Using Amazon CloudWatch dashboards", CloudWatch user guide: they are global, and not of a region."""
    assert text(only(operations, "AWS::CloudWatch::Dashboard")["DashboardName"]) == "slipway-dev-${AWS::Region}"


def test_the_dashboard_shows_how_the_last_trainings_went(operations: Template) -> None:
    widgets = json.loads(text(only(operations, "AWS::CloudWatch::Dashboard")["DashboardBody"]))["widgets"]
    (jobs,) = [widget["properties"]["query"] for widget in widgets if widget["type"] == "log"]
    assert jobs.startswith("SOURCE '/aws/lambda/slipway-dev-trained-model'")
    searched = [
        metric[0]["expression"]
        for widget in widgets
        if widget["type"] == "metric"
        for metric in widget["properties"]["metrics"]
        if isinstance(metric[0], dict)
    ]
    # Not in double quotes, which match a whole name: "CloudWatch search expression syntax", CloudWatch user guide.
    jobs_only = "TrainingJobName=slipway TrainingJobName=dev"
    assert len(searched) == 7 and all(jobs_only in search for search in searched)
    for name in ("test:accuracy", "test:balanced_accuracy", "test:lowest_class_accuracy"):
        assert any(name in search for search in searched)


def test_what_the_dashboard_searches_for_in_the_log_is_what_the_function_logs() -> None:
    source = (ROOT / "lambda/trained_model/trained_model.py").read_text()
    for message in ("job started", "model is there", "model is there already", "no model"):
        assert f'("{message}"' in source


def test_the_metrics_of_requests_are_those_that_the_function_writes() -> None:
    source = (ROOT / "lambda/classify/request_metrics.py").read_text()
    for name in (REQUESTS, "Requests", "Failures"):
        assert f'"{name}"' in source
    assert '"TooManyRequests"' in (ROOT / "lambda/classify/endpoint.py").read_text()


def test_the_budget_tells_the_topic_before_it_is_spent_and_when_it_is(operations: Template) -> None:
    (topic,) = operations.find_resources("AWS::SNS::Topic")
    budget = only(operations, "AWS::Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetName": {"Fn::Join": ["", ["slipway-dev-monthly-", {"Ref": "AWS::Region"}]]},
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 200, "Unit": "USD"},
    }
    told = [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in budget["NotificationsWithSubscribers"]
    ]
    assert told == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for each in budget["NotificationsWithSubscribers"]:
        assert each["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": topic}}]


def test_where_cloudformation_has_no_budgets_a_condition_leaves_it_out(operations: Template) -> None:
    """CloudFormation takes a type that the region lacks, if its condition is false.

    https://github.com/aws-cloudformation/cfn-lint/issues/3495 deployed that; the CDK does it with AWS::CDK::Metadata.
    """
    [budget] = operations.find_resources("AWS::Budgets::Budget").values()
    condition = operations.to_json()["Conditions"][budget["Condition"]]
    groups = [group["Fn::Or"] for group in condition["Fn::Not"][0]["Fn::Or"]]
    assert all(2 <= len(group) <= 10 for group in groups), "as many as Fn::Or takes"
    equal = [each["Fn::Equals"] for group in groups for each in group]
    assert equal == [[{"Ref": "AWS::Region"}, region] for region in REGIONS_WITHOUT[BUDGET]]


def test_a_budget_of_nothing_is_none(synthesize: Synthesize) -> None:
    synthesize(monthly_budget_usd=0)["operations"].resource_count_is("AWS::Budgets::Budget", 0)


def _metrics(body: str) -> set[str]:
    """Names of the metrics in a dashboard's graphs."""
    graphs = [widget["properties"] for widget in json.loads(body)["widgets"] if widget["type"] == "metric"]
    return {metric[1] for graph in graphs for metric in graph["metrics"] if isinstance(metric[0], str)}
