"""An alarm for an endpoint that runs, and costs, without being called."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings import Settings, names
from stacks.metrics import SystemMetrics
from stacks.runbook import RUNBOOK

NAME = "endpoint-unused"
_HOURS = 24


class UnusedEndpoint(Construct):
    """`alarm` rings after a day in which the endpoint was up and nobody called it.

    SageMaker publishes no metric with the value 0 ("Edit an automatic scaling policy", SageMaker developer guide), so a
    new endpoint and one without calls look alike. Every instance reports its CPU each minute, which tells them apart.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, metrics: SystemMetrics) -> None:
        super().__init__(scope, id)
        uncalled = self._in_every_hour(
            "uncalled", metrics.endpoint("Invocations", "Sum", minutes=60), settings,
            operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )  # fmt: skip
        up = self._in_every_hour(
            "up", metrics.instance_count(minutes=60), settings,
            operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            missing=cloudwatch.TreatMissingData.NOT_BREACHING,
        )  # fmt: skip
        self.alarm = cloudwatch.CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=names.alarm_name(settings.prefix, NAME),
            alarm_description=f"The endpoint was up for a day without a call. What to do: {RUNBOOK}#{NAME}",
            alarm_rule=cloudwatch.AlarmRule.all_of(
                *(cloudwatch.AlarmRule.from_alarm(each, cloudwatch.AlarmState.ALARM) for each in (uncalled, up))
            ),
        )

    def _in_every_hour(
        self,
        name: str,
        metric: cloudwatch.Metric,
        settings: Settings,
        *,
        operator: cloudwatch.ComparisonOperator,
        missing: cloudwatch.TreatMissingData,
    ) -> cloudwatch.Alarm:
        """An alarm that notifies nobody: the comparison with 1 was true in each hour of a day."""
        return cloudwatch.Alarm(
            self,
            name.capitalize(),
            alarm_name=names.alarm_name(settings.prefix, f"endpoint-{name}"),
            alarm_description=f"Half of {NAME}: {RUNBOOK}#{NAME}",
            metric=metric,
            threshold=1,
            evaluation_periods=_HOURS,
            comparison_operator=operator,
            treat_missing_data=missing,
        )
