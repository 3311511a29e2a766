"""AWS::CloudWatch::CompositeAlarm is created, updated, evaluated and deleted with its stack."""

import json
from typing import Any

import pytest

from tests.local_aws.conftest import Client, wait_for_stack
from tests.waiting import WAITER_CONFIG

pytestmark = pytest.mark.e2e


def test_a_composite_alarm_of_a_stack_follows_its_alarms(client: Client) -> None:
    """It goes with its stack; the rule names alarms that exist: "PutCompositeAlarm", CloudWatch API reference."""
    alarm = {
        "Namespace": "Shop", "MetricName": "Seconds", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",  # a state that was set is kept by the evaluations between
    }  # fmt: skip

    def template(rule: Any) -> str:
        both = {"AlarmName": "both", "AlarmRule": rule}
        resources = {
            "Slow": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "slow", **alarm}},
            "Both": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": both},
        }
        return json.dumps({"Resources": resources})

    def state() -> list[str]:
        found = client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return [each["StateValue"] for each in found]

    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="composite", TemplateBody=template({"Fn::Sub": "ALARM(${Slow})"}))
    assert wait_for_stack(client, "composite") == "CREATE_COMPLETE"
    assert state() == ["OK"]
    client("cloudwatch").set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="a test")
    assert state() == ["ALARM"]

    cloudformation.update_stack(StackName="composite", TemplateBody=template({"Fn::Sub": "NOT ALARM(${Slow})"}))
    assert wait_for_stack(client, "composite") == "UPDATE_COMPLETE"
    assert state() == ["OK"]

    cloudformation.delete_stack(StackName="composite")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="composite", WaiterConfig=WAITER_CONFIG)
    assert state() == []
    cloudformation.create_stack(StackName="unknown", TemplateBody=template("ALARM(nobody)"))
    assert wait_for_stack(client, "unknown") == "ROLLBACK_COMPLETE"
