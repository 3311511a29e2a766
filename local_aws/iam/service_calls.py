"""A service that calls another one needs the policy of the called resource, with the condition keys that it sends.

MiniStack makes these calls without asking. Sources:
- EventBridge: "Troubleshooting Amazon EventBridge", EventBridge user guide: a SourceAccount in the function's policy
  "prevents EventBridge from being able to invoke the function". For a topic's key it sends no key at all.
- Alarms: "Why didn't I receive an SNS notification for my CloudWatch alarm trigger?", AWS re:Post, which has the text
  of the refusal. Encrypted topics: "Key management", "Enable compatibility between event sources", SNS developer guide.
- SNS and S3 to Lambda: "Working with resource-based IAM policies in Lambda", Lambda developer guide.
"""

import time
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, s3, sns

from local_aws.keys import key_arn

Keys = dict[str, str]  # condition keys without `aws:`, in lower case
_INVOKE = "lambda:InvokeFunction"
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_rule: ContextVar[dict[str, Any]] = ContextVar("rule")  # the EventBridge rule whose target is called


def install() -> None:
    """Ask before rules, alarms, topics and buckets call functions and topics."""
    _ask_for_rules()
    _ask_for_alarms()
    _ask_for_topics_and_buckets()


def allowed(service: str, action: str, resource: str, keys: Keys) -> bool:
    """True if the resource's own policy allows the action to `<service>.amazonaws.com`, which sends `keys`."""
    found = iam_evaluator._resource_policy(action.partition(":")[0], resource)
    if found is None:
        return False
    context = EvalContext(
        principal_arn="*",  # of no account, so that a statement for an account does not match
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={f"aws:{key}": value for key, value in keys.items()},
        secure_transport=True,  # as AWS's services call each other
    )
    return bool(evaluate_resource_policy(found[0], context, service=f"{service}.amazonaws.com").decision == "Allow")


def _may_publish(service: str, topic: str, keys: Keys, keys_for_kms: Keys) -> bool:
    found = sns._topic_by_arn_any_scope(topic)
    key = found and found["attributes"].get("KmsMasterKeyId")
    uses = ("kms:GenerateDataKey", "kms:Decrypt") if key else ()
    return allowed(service, "sns:Publish", topic, keys) and all(
        allowed(service, action, key_arn(str(key)), keys_for_kms) for action in uses
    )


def _source(arn: str) -> Keys:
    return {"sourcearn": arn, "sourceaccount": get_account_id(), "sourceowner": get_account_id()}


def _ask_for_rules() -> None:
    """A refused call is counted as FailedInvocations of the rule."""
    invoke, to_function, to_topic = (
        eventbridge._invoke_target,
        eventbridge._dispatch_to_lambda,
        eventbridge._dispatch_to_sns,
    )

    def invoke_target(target: Any, event: Any, rule: dict[str, Any], view: Any = None) -> None:
        before = _rule.set(rule)
        try:
            invoke(target, event, rule, view)
        finally:
            _rule.reset(before)

    def dispatch_to_lambda(arn: str, payload: Any) -> None:
        if allowed("events", _INVOKE, arn, _rule_key()):
            to_function(arn, payload)
        else:
            _count_failure()

    def dispatch_to_sns(arn: str, payload: Any) -> None:
        if _may_publish("events", arn, _rule_key(), {}):
            to_topic(arn, payload)
        else:
            _count_failure()

    eventbridge._invoke_target = invoke_target
    eventbridge._dispatch_to_lambda = dispatch_to_lambda
    eventbridge._dispatch_to_sns = dispatch_to_sns


def _rule_key() -> Keys:
    return {"sourcearn": _rule.get()["Arn"]}


def _count_failure() -> None:
    cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1, "Count", {"RuleName": _rule.get()["Name"]})


def _ask_for_alarms() -> None:
    """An action is an entry of the alarm's history, a refused one too."""
    dispatch = cloudwatch._dispatch_alarm_actions

    def dispatch_allowed(alarm: dict[str, Any], old_state: str, new_state: str, reason: str) -> None:
        keys = _source(alarm["AlarmArn"])
        name = _ACTIONS[new_state]
        topics = (alarm.get(name) or []) if alarm.get("ActionsEnabled", True) else []
        made = [topic for topic in topics if _may_publish("cloudwatch", topic, keys, keys)]
        dispatch({**alarm, name: made}, old_state, new_state, reason)
        for topic in topics:
            _note_action(alarm, topic, executed=topic in made)

    cloudwatch._dispatch_alarm_actions = dispatch_allowed


def _note_action(alarm: dict[str, Any], topic: str, *, executed: bool) -> None:
    """Source of the text: "DescribeAlarmHistory", CloudWatch API reference, and the page above."""
    refusal = f"Resource: {alarm['AlarmArn']} is not authorized to perform: SNS:Publish on resource: {topic}"
    failed = f'Failed to execute action {topic}. Received error: "{refusal}"'
    summary = f"Successfully executed action {topic}" if executed else failed
    cloudwatch._history_entries().append(
        {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "MetricAlarm",
            "Timestamp": cloudwatch._ts_iso(time.time()),
            "HistoryItemType": "Action",
            "HistorySummary": summary,
            "HistoryData": "{}",
        }
    )


def _ask_for_topics_and_buckets() -> None:
    from_topic, from_bucket = sns._deliver_to_lambda, s3._deliver_event_to_lambda

    def deliver_to_lambda(endpoint: str, envelope: str, topic_arn: str, *rest: Any) -> None:
        if allowed("sns", _INVOKE, endpoint, _source(topic_arn)):
            from_topic(endpoint, envelope, topic_arn, *rest)

    def deliver_event_to_lambda(arn: str, event_payload: dict[str, Any], bucket_region: str) -> None:
        bucket = event_payload["Records"][0]["s3"]["bucket"]["arn"]
        if allowed("s3", _INVOKE, arn, _source(bucket)):
            from_bucket(arn, event_payload, bucket_region)

    sns._deliver_to_lambda = deliver_to_lambda
    s3._deliver_event_to_lambda = deliver_event_to_lambda
