"""The alarms that a new model has to get past: they look at its own fleet only, while it is deployed."""

from dataclasses import dataclass

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings, names
from stacks.runbook import RUNBOOK

_MINUTE = Duration.minutes(1)
# InvocationModelErrors counts answers in 4XX too, and those are the callers' doing. Half of all calls is not: it is a
# model that understands none of them, which no 5XX tells.
_MOST_MODEL_ERRORS = 0.5


@dataclass(frozen=True, kw_only=True)
class _Watched:
    """A metric of the variant, and over which value of its statistic it rolls a deployment back."""

    metric: str
    statistic: str
    threshold: float
    minutes: int
    why: str


class EndpointAlarms(Construct):
    """`alarm_names`, for the endpoint's DeploymentConfig; made anew, with new names, for each configuration.

    The metrics have the configuration's name as a dimension, so an old model that fails cannot stop the deploy that
    mends it ("Auto-rollback configuration and monitoring", SageMaker developer guide). The names have it too: what a
    roll-back returns to are the old alarms, which are quiet. None of them refers to the endpoint, which needs them to
    be there first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        endpoint_name: str,
        config: sagemaker.CfnEndpointConfig,
    ) -> None:
        super().__init__(scope, id)
        config_name = config.attr_endpoint_config_name
        dimensions = {"EndpointName": endpoint_name, "VariantName": names.VARIANT, "EndpointConfigName": config_name}
        self.alarms = [
            cloudwatch.CfnAlarm(
                self,
                watched.metric,
                alarm_name=Fn.join("-", [endpoint_name, config_name, watched.metric]),
                alarm_description=f"Rolls the deployment back: {watched.why}. What to do: {RUNBOOK}#roll-back",
                namespace="AWS/SageMaker",
                metric_name=watched.metric,
                dimensions=[
                    cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in dimensions.items()
                ],
                **({"extended_statistic": "p99"} if watched.statistic == "p99" else {"statistic": watched.statistic}),
                period=_MINUTE.to_seconds(),
                evaluation_periods=watched.minutes,
                threshold=watched.threshold,
                comparison_operator="GreaterThanThreshold",
                treat_missing_data="notBreaching",  # a minute without a call says nothing against the model
            )
            for watched in _watched(settings)
        ]
        self.alarm_names = [str(alarm.alarm_name) for alarm in self.alarms]


def _watched(settings: Settings) -> list[_Watched]:
    # The average of a count of 0 or 1 for each call is the share of the calls.
    watched = [
        _Watched(
            metric="Invocation5XXErrors",
            statistic="Average",
            threshold=settings.endpoint_rollback_error_percent / 100,
            minutes=1,
            why="too many of the new model's calls fail",
        ),
        _Watched(
            metric="InvocationModelErrors",
            statistic="Average",
            threshold=_MOST_MODEL_ERRORS,
            minutes=1,
            why="the new model refuses most calls",
        ),
    ]
    if settings.endpoint_rollback_p99_ms:
        watched.append(
            _Watched(
                metric="ModelLatency",
                statistic="p99",
                threshold=settings.endpoint_rollback_p99_ms * 1000,  # the metric is in microseconds
                minutes=2,  # of few calls the slowest is the 99th in a hundred; two minutes of them are no accident
                why="the new model is slow",
            )
        )
    return watched
