"""Target-tracking policies, with the two CloudWatch alarms that AWS creates for each.

Source: "Create a target tracking scaling policy", Application Auto Scaling User Guide.
"""

import secrets
import time
import uuid
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from aws.alarm import AlarmRule
from aws.target_tracking import STANDARD, TargetTracking
from local_aws import alarms
from local_aws.clock import aws_seconds
from local_aws.scaling.dimensions import Metric, ScalableDimension
from local_aws.service import invalid, now


class ScalingPolicy:
    """A scaling policy of one target; `described` is its entry in DescribeScalingPolicies.

    Raises:
        ApiError: local AWS does not support the policy type or its metric.
    """

    def __init__(
        self, request: dict[str, Any], dimension: ScalableDimension, before: "ScalingPolicy | None" = None
    ) -> None:
        if request.get("PolicyType") != "TargetTrackingScaling":
            raise invalid("local AWS supports policies of the type TargetTrackingScaling only")
        configuration = request.get("TargetTrackingScalingPolicyConfiguration")
        if not configuration:
            raise invalid("TargetTrackingScalingPolicyConfiguration is missing")
        metric = _metric(configuration, dimension)
        self.tracking = TargetTracking(
            target=configuration["TargetValue"],
            minimum=0,
            maximum=0,
            scale_out_cooldown=configuration.get("ScaleOutCooldown", dimension.default_cooldown),
            scale_in_cooldown=configuration.get("ScaleInCooldown", dimension.default_cooldown),
            metric_period=metric.period,
            disable_scale_in=configuration.get("DisableScaleIn", False),
        )
        self.described: dict[str, Any] = (before.described if before else _identity(request)) | request
        names = [alarm["AlarmName"] for alarm in self.described.get("Alarms", [])]
        self.high, self.low = names or [
            f"TargetTracking-{request['ResourceId']}-Alarm{which}-{uuid.uuid4()}" for which in ("High", "Low")
        ]
        self.described["Alarms"] = [
            self._put_alarm(self.high, self.tracking.high, metric),
            self._put_alarm(self.low, self.tracking.low, metric),
        ]

    @property
    def name(self) -> str:
        return str(self.described["PolicyName"])

    def propose(self, moment: float, current: int, minimum: int, maximum: int) -> int:
        """Desired capacity at `moment` (epoch seconds), from the states of the alarms and the last datapoint."""
        high, low = (cloudwatch._alarms.get(name) for name in (self.high, self.low))
        if high is None or low is None:
            return current  # without its alarm, AWS does not invoke the policy either
        self.tracking.minimum, self.tracking.maximum = minimum, maximum
        values = [value for value in alarms.datapoints(high, moment) if value is not None]
        return self.tracking.propose(
            aws_seconds(moment),
            current,
            high=high["StateValue"],
            low=low["StateValue"],
            value=values[-1] if values else None,
        )

    def delete(self) -> None:
        for name in (self.high, self.low):
            cloudwatch.cloudformation_delete_metric_alarm(name)

    def _put_alarm(self, name: str, rule: AlarmRule, metric: Metric) -> dict[str, str]:
        arn = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
        known = cloudwatch._alarms.get(name) or {
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": int(time.time()),
        }
        cloudwatch.cloudformation_put_metric_alarm(
            {
                **known,
                "AlarmName": name,
                "AlarmArn": arn,
                "AlarmDescription": "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
                f"{self.described['PolicyARN']}.",
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in metric.dimensions.items()],
                "Statistic": metric.statistic,
                "ExtendedStatistic": None,
                "Period": int(metric.period),
                "EvaluationPeriods": rule.evaluation_periods,
                "Threshold": float(rule.threshold),
                "ComparisonOperator": rule.comparison,
                "TreatMissingData": rule.treat_missing,
                "ActionsEnabled": True,
                "AlarmActions": [self.described["PolicyARN"]],
                "OKActions": [],
                "InsufficientDataActions": [],
                "Unit": None,
                "AlarmConfigurationUpdatedTimestamp": int(time.time()),
            }
        )
        return {"AlarmName": name, "AlarmARN": arn}


def _identity(request: dict[str, Any]) -> dict[str, Any]:
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{secrets.token_hex(16)}:resource/"
        f"{request['ServiceNamespace']}/{request['ResourceId']}:policyName/{request['PolicyName']}"
    )
    return {"PolicyARN": arn, "CreationTime": now()}


def _metric(configuration: dict[str, Any], dimension: ScalableDimension) -> Metric:
    if custom := configuration.get("CustomizedMetricSpecification"):
        if "Metrics" in custom or not {"MetricName", "Namespace", "Statistic"} <= custom.keys():
            raise invalid(
                "CustomizedMetricSpecification needs MetricName, Namespace and Statistic; local AWS does not support "
                "metric math"
            )
        dimensions = {item["Name"]: item["Value"] for item in custom.get("Dimensions", [])}
        return Metric(custom["Namespace"], custom["MetricName"], custom["Statistic"], STANDARD, dimensions)
    name = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    metric = dimension.metric(name)
    if metric is None:
        raise invalid(f"local AWS does not support the predefined metric {name!r} for this dimension")
    return metric
