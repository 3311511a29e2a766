"""Alarms that roll a deployment back. They watch the new model's fleet alone, while it is deployed."""

from dataclasses import dataclass

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings, names
from stacks.runbook import RUNBOOK

_MINUTE = Duration.minutes(1)
# InvocationModelErrors counts 4XX responses too, which callers cause. More than half of all calls, though, means that
# the model understands none of them, and no 5XX shows that.
_MAX_MODEL_ERRORS = 0.5


@dataclass(frozen=True)
class _RollbackAlarm:
    metric: str
    statistic: str
    threshold: float
    reason: str
    minutes: int = 1


class EndpointAlarms(Construct):
    """`alarms`, and their `alarm_names` for the endpoint's DeploymentConfig. Each endpoint configuration has its own.

    The configuration's name is a dimension of the metrics, so a failing old model cannot stop the deploy that repairs
    it ("Auto-rollback configuration and monitoring", SageMaker developer guide). It is also a part of the alarm names,
    so a roll-back returns to the old alarms, which are in OK. No alarm refers to the endpoint, because the endpoint
    needs the alarms to exist first.
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
                alarm.metric,
                alarm_name=Fn.join("-", [endpoint_name, config_name, alarm.metric]),
                alarm_description=f"Rolls the deployment back: {alarm.reason}. What to do: {RUNBOOK}#roll-back",
                namespace="AWS/SageMaker",
                metric_name=alarm.metric,
                dimensions=[
                    cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in dimensions.items()
                ],
                **({"extended_statistic": "p99"} if alarm.statistic == "p99" else {"statistic": alarm.statistic}),
                period=_MINUTE.to_seconds(),
                evaluation_periods=alarm.minutes,
                threshold=alarm.threshold,
                comparison_operator="GreaterThanThreshold",
                treat_missing_data="notBreaching",  # a minute without calls
            )
            for alarm in _rollback_alarms(settings)
        ]
        self.alarm_names = [str(alarm.alarm_name) for alarm in self.alarms]


def rollback_metrics(settings: Settings) -> list[str]:
    """Names of the metrics that can roll a deployment back."""
    return [alarm.metric for alarm in _rollback_alarms(settings)]


def _rollback_alarms(settings: Settings) -> list[_RollbackAlarm]:
    # The average of a count of 0 or 1 for each call is the share of the calls.
    errors = settings.endpoint_rollback_error_percent / 100
    alarms = [
        _RollbackAlarm("Invocation5XXErrors", "Average", errors, "too many of the new model's calls fail"),
        _RollbackAlarm("InvocationModelErrors", "Average", _MAX_MODEL_ERRORS, "the new model refuses most calls"),
    ]
    if settings.endpoint_rollback_p99_ms:
        microseconds = settings.endpoint_rollback_p99_ms * 1000
        # With few calls the p99 is the slowest one; two minutes of it are no coincidence.
        alarms.append(_RollbackAlarm("ModelLatency", "p99", microseconds, "the new model is slow", minutes=2))
    return alarms
