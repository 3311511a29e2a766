"""Metrics of the endpoint, the functions and the training jobs, as alarms and dashboard use them."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from aws.log_groups import ENDPOINTS
from settings import Settings, names


class SystemMetrics:
    """Metrics of one deployment, by resource.

    Resources are known by name alone, so no stack waits for the stack that uses their metrics.
    """

    def __init__(self, *, prefix: str, endpoint_name: str) -> None:
        function = names.resource_name(prefix, "classify")
        variant = {"EndpointName": endpoint_name, "VariantName": names.VARIANT}
        self.endpoint = MetricSource("AWS/SageMaker", variant)
        self.instances = MetricSource(ENDPOINTS, variant)
        self.classify = MetricSource("AWS/Lambda", {"FunctionName": function, "Resource": f"{function}:{names.ALIAS}"})
        # Lambda's own Errors metric stays at 0 even if the function answers every call with an error: it never raises.
        self.requests = MetricSource(names.REQUEST_METRICS, {"FunctionName": function})
        self.overloaded = MetricSource(names.REQUEST_METRICS, {"FunctionName": function, "Code": "TooManyRequests"})
        self.trained_model = MetricSource("AWS/Lambda", {"FunctionName": names.resource_name(prefix, "trained-model")})
        self.failed_training = _rule(names.resource_name(prefix, "training-failed"))
        self.failed_ec2_training = _rule(names.resource_name(prefix, "ec2-training-failed"))

    def instance_count(self, *, minutes: int = 1) -> cloudwatch.Metric:
        """Number of instances. SageMaker has no metric for it, but each instance reports its CPU once a minute.

        Of a longer period it is the sum of all minutes.
        """
        return self.instances("CPUUtilization", "SampleCount", minutes=minutes)


class MetricSource:
    """Metrics of the resource that `dimensions` identify."""

    def __init__(self, namespace: str, dimensions: Mapping[str, str]) -> None:
        self._namespace, self._dimensions = namespace, dict(dimensions)

    def __call__(self, name: str, statistic: str, label: str | None = None, *, minutes: int = 1) -> cloudwatch.Metric:
        """The metric `name` with one value of `statistic` for each period of `minutes`."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            label=label,  # with one, an alarm would become metric math
            period=Duration.minutes(minutes),
        )


def sometimes_at_maximum(settings: Settings) -> bool:
    """True if at any time of the schedule the minimum number of instances is the highest maximum of all times."""
    minimums = [settings.endpoint_min_instances, *(limits.minimum for limits in settings.scheduled_limits)]
    return max(minimums) >= settings.max_instances


def _rule(name: str) -> MetricSource:
    return MetricSource("AWS/Events", {"RuleName": name})
