"""Dashboard, alarms and budget. Alarms and budget notify the topic's subscriber."""

from dataclasses import dataclass
from typing import TypeVar

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from settings import Settings, names
from stacks import dashboard
from stacks.alarm_topic import AlarmTopic
from stacks.budget import MonthlyBudget
from stacks.metrics import SystemMetrics, sometimes_at_maximum
from stacks.runbook import RUNBOOK
from stacks.trained_model import job_ended_pattern
from stacks.unused_endpoint import NAME as UNUSED
from stacks.unused_endpoint import UnusedEndpoint

_AnyAlarm = TypeVar("_AnyAlarm", bound=cloudwatch.AlarmBase)
_GREATER = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_GREATER_OR_EQUAL = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
# Status that the EC2 instance's stack takes when its training fails. The last two: with the CLI's --no-rollback.
_FAILED = ("ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "CREATE_FAILED", "UPDATE_FAILED")


@dataclass(frozen=True)
class _Alarm:
    """An alarm after `periods` over the threshold in a row. The runbook has a heading of its name."""

    name: str
    metric: cloudwatch.Metric
    summary: str
    threshold: float = 0
    periods: int = 3
    operator: cloudwatch.ComparisonOperator = _GREATER


class Operations(Stack):
    """`alarms` by name and the budget notify `topic`; `dashboard` shows the metrics of the alarms.

    Endpoint and functions are known by name alone, so their stacks do not depend on this one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        endpoint_name: str,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        metrics = SystemMetrics(prefix=settings.prefix, endpoint_name=endpoint_name)
        # The rule has no target. Its matches are counted by a metric, which has an alarm.
        events.CfnRule(
            self,
            "FailedTrainings",
            name=names.resource_name(settings.prefix, "training-failed"),
            description=f"Training that failed or was stopped: {RUNBOOK}#training-failed",
            event_pattern=job_ended_pattern(settings, "Failed", "Stopped"),
        )
        if settings.ec2_training:
            self._count_failed_ec2_trainings(settings)
        self.topic = AlarmTopic(self, "Alarms", settings=settings, key=key).topic
        alarms = [*_function_alarms(settings, metrics), *_training_alarms(settings, metrics)]
        if settings.endpoint == "on":
            alarms = [*_endpoint_alarms(settings, metrics), *alarms]
        self.alarms: dict[str, cloudwatch.IAlarm] = {each.name: self._alarm(each, settings) for each in alarms}
        if settings.endpoint == "on":
            unused = UnusedEndpoint(self, "Unused", settings=settings, metrics=metrics).alarm
            self.alarms[UNUSED] = self._notifying(unused)
        if settings.monthly_budget_usd:
            MonthlyBudget(self, "Monthly", settings=settings, topic=self.topic)
        board = names.regional(settings.prefix, Aws.REGION)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=board,
            widgets=dashboard.rows(settings, metrics, list(self.alarms.values())),
        )
        CfnOutput(self, "AlarmTopic", value=self.topic.topic_arn)
        CfnOutput(self, "DashboardName", value=board)

    def _count_failed_ec2_trainings(self, settings: Settings) -> None:
        """A failed training fails the instance's stack. CloudFormation emits an event for that; EC2 emits none."""
        stack = names.resource_name(settings.prefix, "ec2-training")
        arn = self.format_arn(service="cloudformation", resource="stack", resource_name=f"{stack}/")
        events.CfnRule(
            self,
            "FailedEc2Trainings",
            name=names.resource_name(settings.prefix, "ec2-training-failed"),
            description=f"Training on EC2 that failed: {RUNBOOK}#ec2-training-failed",
            event_pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {"stack-id": [{"prefix": arn}], "status-details": {"status": list(_FAILED)}},
            },
        )

    def _alarm(self, alarm: _Alarm, settings: Settings) -> cloudwatch.Alarm:
        made = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in alarm.name.split("-")),
            alarm_name=names.alarm_name(settings.prefix, alarm.name),
            alarm_description=f"{alarm.summary}. What to do: {RUNBOOK}#{alarm.name}",
            metric=alarm.metric,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            comparison_operator=alarm.operator,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # no calls
        )
        return self._notifying(made)

    def _notifying(self, alarm: _AnyAlarm) -> _AnyAlarm:
        alarm.add_alarm_action(SnsAction(self.topic))
        alarm.add_ok_action(SnsAction(self.topic))
        return alarm


def _endpoint_alarms(settings: Settings, metrics: SystemMetrics) -> list[_Alarm]:
    percent, limit = settings.endpoint_rollback_error_percent, settings.endpoint_rollback_p99_ms
    alarms = [
        _Alarm(
            "endpoint-errors",
            metrics.endpoint("Invocation5XXErrors", "Average"),
            f"Over {percent:g} % of calls to the endpoint fail for 3 minutes",
            threshold=percent / 100,
        ),
    ]
    if limit:
        alarms.append(
            _Alarm(
                "endpoint-latency",
                metrics.endpoint("ModelLatency", "p99"),
                f"p99 of the endpoint's model over {limit} ms for 5 minutes",
                threshold=limit * 1000,  # the metric is in microseconds
                periods=5,
            )
        )
    if not sometimes_at_maximum(settings):  # else it would be in ALARM for all that time and mean nothing
        alarms.append(
            _Alarm(
                "endpoint-full",
                metrics.instance_count(),
                "As many instances as allowed for 15 minutes",
                threshold=settings.max_instances,
                periods=15,
                operator=_GREATER_OR_EQUAL,
            )
        )
    return alarms


def _function_alarms(settings: Settings, metrics: SystemMetrics) -> list[_Alarm]:
    classify, trained_model = metrics.classify, metrics.trained_model
    percent = settings.endpoint_rollback_error_percent
    return [
        _Alarm(
            "classify-failing",
            metrics.requests("Failures", "Average"),
            f"Over {percent:g} % of callers get a failure of ours for 3 minutes",
            threshold=percent / 100,
        ),
        _Alarm(
            "classify-overloaded",
            metrics.overloaded("Requests", "Sum"),
            "Callers were told in each of 5 minutes that the endpoint has too many requests",
            periods=5,
        ),
        _Alarm("classify-errors", classify("Errors", "Sum"), "The function itself failed in each of 3 minutes"),
        _Alarm("classify-throttles", classify("Throttles", "Sum"), "Callers were turned away in each of 3 minutes"),
        # The sweep runs every 5 minutes. One failure may be a refused deploy, which the deploy reports; three are not.
        _Alarm(
            "trained-model-errors",
            trained_model("Errors", "Sum", minutes=5),
            "The function that runs training jobs failed for 15 minutes: a deploy may wait for nothing",
        ),
        _Alarm(
            "trained-model-throttles",
            trained_model("Throttles", "Sum", minutes=5),
            "The function that runs training jobs was turned away for 15 minutes",
        ),
    ]


def _training_alarms(settings: Settings, metrics: SystemMetrics) -> list[_Alarm]:
    job, on_ec2 = (rule("TriggeredRules", "Sum") for rule in (metrics.failed_training, metrics.failed_ec2_training))
    alarms = [_Alarm("training-failed", job, "A training or tuning job failed or was stopped", periods=1)]
    if settings.ec2_training:
        summary = "The training on the EC2 instance failed"
        alarms.append(_Alarm("ec2-training-failed", on_ec2, summary, periods=1))
    return alarms
