"""Rows about alarms, dashboard, budget and log groups."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import boto3
from botocore.exceptions import ClientError

from aws.log_groups import endpoint_log_group
from aws.resource_types import BUDGET, lacks
from settings.names import alarm_name, resource_name
from tools.deploy.inventory import pages
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_DASHBOARD_MINUTES = 180


@row(
    question="Does an EventBridge rule without a target count its matches?",
    expected="a datapoint for each stopped or failed job, and the alarm training-failed goes into ALARM",
    step="spot",
)
def rule_without_target_counts(system: ProvedSystem) -> Answer:
    """Stop a training job; read the metric TriggeredRules of the rule, and the alarm's history."""
    return _rings(system, "training-failed", system.facts["spot"]["began"], minutes=10)


def _rings(
    system: ProvedSystem, name: Literal["training-failed", "ec2-training-failed"], since: float, *, minutes: float
) -> Answer:
    """Answer for a rule without a target and its alarm, which have one name: how often it matched, and if that rang."""
    rule, alarm = resource_name(system.prefix, name), alarm_name(system.prefix, name)

    def rang() -> list[str]:
        return [line for line in system.alarm_history(alarm, since) if "to ALARM" in line]

    found = system.until(rang, minutes=minutes, local_seconds=20)
    matches = system.metric("AWS/Events", "TriggeredRules", since, {"RuleName": rule})
    evidence = "\n".join([f"{rule}: {matches:g} matches until {time.ctime()}", *found[:2]])
    return Answer(f"{matches:g} matches", matches >= 1 and bool(found), evidence)


@row(
    question="Is an alarm's action, the topic under the system's key, executed?",
    expected="the alarm's history says that the action was executed",
    step="spot",
)
def alarm_reaches_the_topic(system: ProvedSystem) -> Answer:
    """Read the history of the alarm training-failed, which rang for the stopped job."""
    alarm, since = alarm_name(system.prefix, "training-failed"), system.facts["spot"]["began"]

    def actions() -> list[str]:
        return [line for line in system.alarm_history(alarm, since) if line.startswith("Action")]

    found = system.until(actions, minutes=10, local_seconds=20)
    done = [line for line in found if "Successfully" in line]
    return Answer("it is" if done else "it is not", bool(done), "\n".join(found[:3]))


@row(
    question="Does the alarm's e-mail arrive?",
    expected="an e-mail to the address in `alarm_email`",
    step="end",
    why="person",
)
def alarm_email(system: ProvedSystem) -> Answer:
    """In a stage of your own: `make deploy SETTINGS=alarm_email=you@…`, confirm, and set an alarm to ALARM."""
    name = alarm_name(system.prefix, "classify-errors")
    [alarm] = boto3.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return Answer("look into the mailbox", None, f"{name} notifies {alarm['AlarmActions']}")


@row(
    question="Does the budget reach the topic under the system's key?",
    expected="an e-mail within a day",
    step="end",
    why="later",
)
def budget_email(system: ProvedSystem) -> Answer:
    """In an account that costs more: `make deploy SETTINGS="monthly_budget_usd=1 alarm_email=you@…"`."""
    found = pages("budgets", "describe_budgets", "Budgets", AccountId=system.account)
    ours = [each for each in found if each["BudgetName"].startswith(f"{system.prefix}-")]
    shown = [f"{each['BudgetName']}: {each['BudgetLimit']}" for each in ours]
    return Answer("look into the mailbox, a day later", None, "\n".join(shown))


@row(
    question="Does the dashboard's search find the jobs' metrics by name?",
    expected="a line for each search",
    step="end",
    why="account only",
)
def dashboard_finds_jobs(system: ProvedSystem) -> Answer:
    """Give each search of the dashboard to GetMetricData."""
    client = boto3.client("cloudwatch")
    board = client.get_dashboard(DashboardName=system.outputs("operations")["DashboardName"])["DashboardBody"]
    searches = sorted(set(re.findall(r"SEARCH\((?:[^()]|\([^()]*\))*\)", _expressions(json.loads(board)))))
    now = datetime.now(UTC)
    found = {}
    for search in searches:
        query = [{"Id": "found", "Expression": search}]
        since = now - timedelta(minutes=_DASHBOARD_MINUTES)
        answer = client.get_metric_data(MetricDataQueries=query, StartTime=since, EndTime=now)
        found[search] = [result["Label"] for result in answer["MetricDataResults"] if result["Values"]]
    empty = [search for search, labels in found.items() if not labels]
    evidence = "\n".join(f"{search}: {', '.join(labels) or 'nothing'}" for search, labels in found.items())
    return Answer(f"{len(empty)} of {len(found)} searches find nothing", bool(found) and not empty, evidence)


def _expressions(value: Any) -> str:
    """All texts in a JSON value, a line each."""
    match value:
        case dict():
            return "\n".join(map(_expressions, value.values()))
        case list():
            return "\n".join(map(_expressions, value))
        case str():
            return value
    return ""


@row(
    question="Does SageMaker write to the endpoint's log group that the stack created?",
    expected="one group, with our retention, and lines in it",
    step="base",
)
def log_group_is_ours(system: ProvedSystem) -> Answer:
    """Describe the log group, after a call of the endpoint."""
    name = endpoint_log_group(system.endpoint_name)
    groups = list(pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name))
    days = [group.get("retentionInDays") for group in groups]
    lines = system.until(system.endpoint_log, minutes=5)
    good = days == [system.settings.log_retention_days] and bool(lines)
    return Answer(f"{len(lines)} lines, kept {days} days", good, f"{name}: {len(lines)} lines, retention {days}")


@row(
    question="Does SageMaker write an endpoint's last lines before its log group is deleted with its stack?",
    expected="yes, or it makes the group again, without our retention: the removal finds it",
    step="end",
    doubt="log-group-again",
    uses=("type",),
)
def log_group_stays_away(system: ProvedSystem) -> Answer:
    """Describe the log group of the endpoint that was replaced, some minutes after."""
    name = endpoint_log_group(system.facts["type"]["endpoint_before"])

    def again() -> list[str]:
        found = pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        return [f"{group['logGroupName']}, retention {group.get('retentionInDays')}" for group in found]

    found = system.until(again, minutes=10, local_seconds=5)
    return Answer("no: it is there again" if found else "yes", True, "\n".join(found) or f"{name} is not there")


@row(
    question="Has CloudFormation budgets in the regions in which the template's condition expects them?",
    expected="it has the type if, and only if, `aws/resource_types.py` says so",
    step="base",
    why="account only",
)
def budget_in_this_region(system: ProvedSystem) -> Answer:
    """Ask CloudFormation for its public type AWS::Budgets::Budget in the region."""
    try:
        type_ = boto3.client("cloudformation").describe_type(Type="RESOURCE", TypeName=BUDGET)
        found = f"{type_['Arn']}"
    except ClientError as error:
        if error.response["Error"]["Code"] != "TypeNotFoundException":
            raise
        found = ""
    expected = not lacks(system.region, BUDGET)
    return Answer("it has" if found else "it has not", bool(found) == expected, found or f"none in {system.region}")


@row(
    question="Does CloudFormation's event for a failed EC2 training match the rule?",
    expected="the rule matches, and the alarm ec2-training-failed goes into ALARM",
    step="ec2-failed",
    why="account only",
)
def failed_ec2_training_rings(system: ProvedSystem) -> Answer:
    """Have the instance train on images that are not there; read the rule's matches and the alarm's history."""
    facts = system.facts["ec2-failed"]
    found = _rings(system, "ec2-training-failed", facts["began"], minutes=15)
    return replace(found, evidence=f"{found.evidence}\n{facts['failure']}")
