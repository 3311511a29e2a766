"""The SNS topic that alarms and the budget publish to."""

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from settings import Settings, names


class AlarmTopic(Construct):
    """`topic`, encrypted with `key`, with a subscription of `alarm_email`.

    Only this system's alarms and this account's budgets may publish to it, over TLS.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, key: kms.IKey) -> None:
        super().__init__(scope, id)
        name = names.resource_name(settings.prefix, "alarms")
        self.topic = sns.Topic(self, "Topic", topic_name=name, master_key=key, enforce_ssl=True)
        for sid, (service, condition) in topic_publishers(settings.prefix).items():
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions=condition,
                )
            )
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))


def topic_publishers(prefix: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Services that may publish to the topic, and use its key for that: principal and condition, by statement id.

    Source: "Creating an Amazon SNS topic for budget notifications", AWS cost management user guide.
    """
    alarms = f"arn:{Aws.PARTITION}:cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:{prefix}-*"
    budget = f"arn:{Aws.PARTITION}:budgets::{Aws.ACCOUNT_ID}:*"
    return {
        "Alarms": ("cloudwatch.amazonaws.com", _from_source(alarms)),
        "Budget": ("budgets.amazonaws.com", _from_source(budget)),
    }


def _from_source(arn: str) -> dict[str, Any]:
    """Condition: the call is made for a resource of this account with this ARN."""
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": arn}}
