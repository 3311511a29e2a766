"""What operators watch: the metrics of endpoint, functions and training."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from aws.log_groups import ENDPOINTS
from settings import Settings, names


class Metrics:
    """Metrics of one resource, which `dimensions` name."""

    def __init__(self, namespace: str, dimensions: Mapping[str, str]) -> None:
        self._namespace, self._dimensions = namespace, dict(dimensions)

    def __call__(self, name: str, statistic: str, label: str | None = None, *, minutes: int = 1) -> cloudwatch.Metric:
        """A statistic over each of so many `minutes`."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            label=label,  # with one, an alarm would become metric math
            period=Duration.minutes(minutes),
        )


def most_instances(settings: Settings) -> int:
    """How many instances the endpoint may have at any time, by its schedule too."""
    return max([settings.endpoint_max_instances, *(limits.maximum for limits in settings.scheduled_limits)])


def always_full(settings: Settings) -> bool:
    """Whether the least that the endpoint has, always or at scheduled times, is all that it may have."""
    least = [settings.endpoint_min_instances, *(limits.minimum for limits in settings.scheduled_limits)]
    return max(least) >= most_instances(settings)


class Watched:
    """The metrics of one deployment. All are known by name alone, so nothing waits for who looks at them."""

    def __init__(self, *, prefix: str, endpoint_name: str) -> None:
        function = names.function_name(prefix, "classify")
        variant = {"EndpointName": endpoint_name, "VariantName": names.VARIANT}
        self.endpoint = Metrics("AWS/SageMaker", variant)
        self.instances = Metrics(ENDPOINTS, variant)
        self.classify = Metrics("AWS/Lambda", {"FunctionName": function, "Resource": f"{function}:{names.ALIAS}"})
        # Lambda's own Errors stay at 0 while the function answers every call with a failure: it never raises.
        self.requests = Metrics(names.REQUEST_METRICS, {"FunctionName": function})
        self.overloaded = Metrics(names.REQUEST_METRICS, {"FunctionName": function, "Code": "TooManyRequests"})
        self.trained_model = Metrics("AWS/Lambda", {"FunctionName": names.function_name(prefix, "trained-model")})
        self.failed_training = Metrics("AWS/Events", {"RuleName": names.rule_name(prefix, "training-failed")})
        self.failed_ec2_training = Metrics("AWS/Events", {"RuleName": names.rule_name(prefix, "ec2-training-failed")})

    def instance_count(self) -> cloudwatch.Metric:
        """SageMaker has no metric of it, but each instance gives its CPU once a minute."""
        return self.instances("CPUUtilization", "SampleCount")
