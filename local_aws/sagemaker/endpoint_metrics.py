"""CloudWatch metrics of endpoints, as SageMaker publishes them.

Source: "Metrics for monitoring Amazon SageMaker AI with Amazon CloudWatch" and, for zeros without traffic, "Edit a
scaling policy", SageMaker AI developer guide.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from ministack.services import cloudwatch

from local_aws.clock import aws_seconds, real_seconds
from local_aws.sagemaker.endpoint import LocalEndpoint

_NAMESPACE = "AWS/SageMaker"
_SECONDS = 10.0  # AWS seconds; resolution of ConcurrentRequestsPerModel
_MINUTE = 60.0
_DIGITS = 3  # significant digits of a latency; equal values are stored once, with their count


@dataclass
class _Period:
    """Metrics of one endpoint in the period that begins at `start` (AWS seconds)."""

    start: float
    # (configuration or "" for the variant, metric, unit, value) -> count
    values: Counter[tuple[str, str, str, float]] = field(default_factory=Counter)
    in_flight: Counter[float] = field(default_factory=Counter)  # samples of each instance


_periods: dict[str, _Period] = {}  # endpoint ARN -> the period that is not published yet
_last_traffic: dict[str, float] = {}  # endpoint ARN -> start of the last minute with a request


def record(
    endpoint: LocalEndpoint, config_name: str, status: int, model_seconds: float, overhead_seconds: float, now: float
) -> None:
    """Record one answered request: configuration of its instance, the model's status and latency, and the overhead.

    It counts for the variant and for the configuration, since a deployment's alarms watch the new configuration alone.
    `now` is in epoch seconds.
    """
    period = _current(endpoint, now)
    _last_traffic[endpoint.arn] = period.start // _MINUTE * _MINUTE
    for metric, value, unit in (
        ("Invocations", 1.0, "None"),
        ("InvocationsPerInstance", 1 / max(1, len(endpoint.instances)), "None"),
        ("Invocation4XXErrors", float(400 <= status < 500), "None"),
        ("Invocation5XXErrors", float(status >= 500), "None"),
        ("InvocationModelErrors", float(status >= 400), "None"),
        ("ModelLatency", _rounded(model_seconds * 1e6), "Microseconds"),
        ("OverheadLatency", _rounded(overhead_seconds * 1e6), "Microseconds"),
    ):
        period.values["", metric, unit, value] += 1
        period.values[config_name, metric, unit, value] += 1


def observe(endpoints: list[LocalEndpoint], now: float) -> None:
    """Sample each instance's requests in flight, and publish periods that have ended."""
    for arn in _periods.keys() - {endpoint.arn for endpoint in endpoints}:
        del _periods[arn]
    for endpoint in endpoints:
        period = _current(endpoint, now)
        period.in_flight.update(float(instance.in_flight) for instance in endpoint.instances)


def _current(endpoint: LocalEndpoint, now: float) -> _Period:
    """Current period of an endpoint; publishes the previous one."""
    start = aws_seconds(now) // _SECONDS * _SECONDS
    period = _periods.get(endpoint.arn)
    if period is None or period.start != start:
        if period is not None:
            _publish(endpoint, period, start)
        period = _periods[endpoint.arn] = _Period(start)
    return period


def _publish(endpoint: LocalEndpoint, period: _Period, following: float) -> None:
    dimensions = {"EndpointName": endpoint.name, "VariantName": endpoint.variant_name}
    values = Counter(period.values)
    values.update({("", "ConcurrentRequestsPerModel", "None", value): n for value, n in period.in_flight.items()})
    minute = period.start // _MINUTE * _MINUTE
    if minute != following // _MINUTE * _MINUTE and _last_traffic.get(endpoint.arn) != minute:
        # A minute without a request gets zeros, so that alarms see that there is no traffic.
        values.update({("", "Invocations", "None", 0.0): 1, ("", "InvocationsPerInstance", "None", 0.0): 1})
    for (config_name, metric, unit, value), count in values.items():
        own = {"EndpointConfigName": config_name} if config_name else {}
        cloudwatch._store_datum(
            _NAMESPACE, metric, dimensions | own, real_seconds(period.start), unit, None, [value], [count], None
        )


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - math.floor(math.log10(value))) if value > 0 else 0.0
