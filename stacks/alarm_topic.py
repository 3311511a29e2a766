"""The SNS topic that alarms and the budget publish to."""

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
        for statement in allow_publishers(settings.prefix, ["sns:Publish"], self.topic.topic_arn):
            self.topic.add_to_resource_policy(statement)
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))


def allow_publishers(prefix: str, actions: list[str], resource: str, *, sid: str = "") -> list[iam.PolicyStatement]:
    """Statements that allow `actions` to the topic's publishers: this system's alarms, and this account's budgets.

    `sid` ends the statement ids.

    Source: "Creating an Amazon SNS topic for budget notifications", AWS cost management user guide.
    """
    sources = {
        "Alarms": ("cloudwatch", f"cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:{prefix}-*"),
        "Budget": ("budgets", f"budgets::{Aws.ACCOUNT_ID}:*"),
    }
    return [
        iam.PolicyStatement(
            sid=publisher + sid,
            principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
            actions=actions,
            resources=[resource],
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:{source}"},
            },
        )
        for publisher, (service, source) in sources.items()
    ]
