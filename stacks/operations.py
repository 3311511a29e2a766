"""What people watch: a dashboard, alarms and a budget that tell who asked to hear of them."""

from dataclasses import dataclass

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from settings import Settings, names
from stacks import dashboard
from stacks.alarm_topic import AlarmTopic
from stacks.budget import MonthlyBudget
from stacks.runbook import RUNBOOK
from stacks.trained_model import job_ended_pattern
from stacks.watched import Metrics, Watched, always_full, most_instances

_MORE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_OR_MORE = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
# How the stack of the EC2 instance goes on when its training fails; with the CLI's --no-rollback it stays as it is.
_FAILED = ("ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "CREATE_FAILED", "UPDATE_FAILED")


@dataclass(frozen=True, kw_only=True)
class _Alarm:
    """`periods` in a row over the limit ring it; the runbook has an entry of its name."""

    name: str
    metric: cloudwatch.Metric
    threshold: float
    periods: int
    what: str
    operator: cloudwatch.ComparisonOperator = _MORE


class Operations(Stack):
    """`topic` hears of every alarm in `alarms`, by name, and of the budget; `dashboard` shows what they look at.

    Endpoint and functions are known by name alone, so nothing of theirs waits for this stack or holds it up.
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
        watched = Watched(prefix=settings.prefix, endpoint_name=endpoint_name)
        # It calls nobody: that it matched is a metric, and that metric has an alarm as all the others have.
        events.CfnRule(
            self,
            "FailedTrainings",
            name=names.rule_name(settings.prefix, "training-failed"),
            description=f"Training that failed or was stopped: {RUNBOOK}#training-failed",
            event_pattern=job_ended_pattern(settings, "Failed", "Stopped"),
        )
        if settings.ec2_training:
            self._count_failed_ec2_trainings(settings)
        self.topic = AlarmTopic(self, "Alarms", settings=settings, key=key).topic
        alarms = [*_endpoint_alarms(settings, watched), *_function_alarms(settings, watched)]
        alarms += _training_alarms(settings, watched)
        self.alarms = {each.name: self._alarm(each, settings) for each in alarms}
        if settings.monthly_budget_usd:
            MonthlyBudget(self, "Monthly", settings=settings, topic=self.topic)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=names.dashboard_name(settings.prefix),
            widgets=dashboard.rows(settings, watched, list(self.alarms.values())),
        )
        CfnOutput(self, "AlarmTopic", value=self.topic.topic_arn)
        CfnOutput(self, "DashboardName", value=names.dashboard_name(settings.prefix))

    def _count_failed_ec2_trainings(self, settings: Settings) -> None:
        """The instance's stack fails with its training: CloudFormation tells of that, and EC2 of nothing."""
        stack = names.stack_name(settings.prefix, "ec2-training")
        arn = self.format_arn(service="cloudformation", resource="stack", resource_name=f"{stack}/")
        events.CfnRule(
            self,
            "FailedEc2Trainings",
            name=names.rule_name(settings.prefix, "ec2-training-failed"),
            description=f"Training on EC2 that failed: {RUNBOOK}#ec2-training-failed",
            event_pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {"stack-id": [{"prefix": arn}], "status-details": {"status": list(_FAILED)}},
            },
        )

    def _alarm(self, watched: _Alarm, settings: Settings) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in watched.name.split("-")),
            alarm_name=names.alarm_name(settings.prefix, watched.name),
            alarm_description=f"{watched.what}. What to do: {RUNBOOK}#{watched.name}",
            metric=watched.metric,
            threshold=watched.threshold,
            evaluation_periods=watched.periods,
            comparison_operator=watched.operator,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # nobody called
        )
        alarm.add_alarm_action(SnsAction(self.topic))
        alarm.add_ok_action(SnsAction(self.topic))
        return alarm


def _endpoint_alarms(settings: Settings, watched: Watched) -> list[_Alarm]:
    endpoint, limit = watched.endpoint, settings.endpoint_rollback_p99_ms
    latency = _Alarm(
        name="endpoint-latency",
        metric=endpoint("ModelLatency", "p99"),
        threshold=limit * 1000,  # the metric is in microseconds
        periods=5,
        what=f"p99 of the endpoint's model over {limit} ms for 5 minutes",
    )
    full = _Alarm(
        name="endpoint-full",
        metric=watched.instance_count(),
        threshold=most_instances(settings),
        periods=15,
        operator=_OR_MORE,
        what="As many instances as allowed for 15 minutes",
    )
    return [
        _Alarm(
            name="endpoint-errors",
            metric=endpoint("Invocation5XXErrors", "Average"),
            threshold=settings.endpoint_rollback_error_percent / 100,
            periods=3,
            what=f"Over {settings.endpoint_rollback_error_percent:g} % of calls to the endpoint fail for 3 minutes",
        ),
        *([latency] if limit else []),
        *([] if always_full(settings) else [full]),  # it would ring for ever, and tell nobody anything
    ]


def _function_alarms(settings: Settings, watched: Watched) -> list[_Alarm]:
    classify, trained_model = watched.classify, watched.trained_model
    return [
        _Alarm(
            name="classify-failing",
            metric=watched.requests("Failures", "Average"),
            threshold=settings.endpoint_rollback_error_percent / 100,
            periods=3,
            what=f"Over {settings.endpoint_rollback_error_percent:g} % of callers get a failure of ours for 3 minutes",
        ),
        _Alarm(
            name="classify-overloaded",
            metric=watched.overloaded("Requests", "Sum"),
            threshold=0,
            periods=5,
            what="Callers were told in each of 5 minutes that the endpoint has too many requests",
        ),
        _Alarm(
            name="classify-errors",
            metric=classify("Errors", "Sum"),
            threshold=0,
            periods=3,
            what="The function itself failed in each of 3 minutes",
        ),
        _Alarm(
            name="classify-throttles",
            metric=classify("Throttles", "Sum"),
            threshold=0,
            periods=3,
            what="Callers were turned away in each of 3 minutes",
        ),
        # Swept every 5 minutes: one failure may be a deploy's refusal, which the deploy tells; three are not.
        _Alarm(
            name="trained-model-errors",
            metric=trained_model("Errors", "Sum", minutes=5),
            threshold=0,
            periods=3,
            what="The function that runs training jobs failed for 15 minutes: a deploy may wait for nothing",
        ),
        _Alarm(
            name="trained-model-throttles",
            metric=trained_model("Throttles", "Sum", minutes=5),
            threshold=0,
            periods=3,
            what="The function that runs training jobs was turned away for 15 minutes",
        ),
    ]


def _training_alarms(settings: Settings, watched: Watched) -> list[_Alarm]:
    def alarm(name: str, rule: Metrics, what: str) -> _Alarm:
        return _Alarm(name=name, metric=rule("TriggeredRules", "Sum"), threshold=0, periods=1, what=what)

    job = alarm("training-failed", watched.failed_training, "A training or tuning job failed or was stopped")
    on_ec2 = alarm("ec2-training-failed", watched.failed_ec2_training, "The training on the EC2 instance failed")
    return [job, on_ec2] if settings.ec2_training else [job]
