"""Requests to an endpoint are recorded as CloudWatch metrics."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local_aws.sagemaker import endpoint_metrics

START = 1_700_000_040.0  # start of a minute


@pytest.fixture
def endpoint() -> Iterator[Any]:
    """Fake endpoint with two instances."""
    instances = [SimpleNamespace(in_flight=0), SimpleNamespace(in_flight=0)]
    with request_scope("123456789012", "eu-west-1"):
        yield SimpleNamespace(name="shop", variant_name="live", arn="arn:shop", instances=instances)
        cloudwatch.reset()
        endpoint_metrics._periods.clear()
        endpoint_metrics._last_traffic.clear()


def statistics(metric: str) -> dict[str, float]:
    points = cloudwatch._metrics.get(("AWS/SageMaker", metric, "EndpointName=shop|VariantName=live")) or []
    found: dict[str, float] = cloudwatch._calc_stats(points)
    return found


def test_each_answer_is_counted_by_its_status(endpoint: Any) -> None:
    for status in (200, 200, 200, 429, 500):
        endpoint_metrics.record(endpoint, "config", status, 0.0123, 0.0012, START)
    endpoint_metrics.observe([endpoint], START + 10)

    assert statistics("Invocations")["Sum"] == 5
    assert statistics("InvocationsPerInstance")["Sum"] == 2.5
    assert statistics("Invocation4XXErrors")["Average"] == 0.2
    assert statistics("Invocation5XXErrors")["Sum"] == 1
    assert statistics("InvocationModelErrors")["Sum"] == 2


def test_latencies_are_in_microseconds_and_told_apart_for_percentiles(endpoint: Any) -> None:
    for milliseconds in range(1, 101):
        endpoint_metrics.record(endpoint, "config", 200, milliseconds / 1000, 0.0012, START)
    endpoint_metrics.observe([endpoint], START + 10)

    points = cloudwatch._metrics["AWS/SageMaker", "ModelLatency", "EndpointName=shop|VariantName=live"]
    assert cloudwatch._stat_value({}, "p99", points) == pytest.approx(99_010)
    assert statistics("OverheadLatency")["Maximum"] == 1200


def test_requests_in_flight_are_averaged_over_instances_and_ten_seconds(endpoint: Any) -> None:
    for second, first, second_one in ((0, 4, 2), (5, 2, 0)):
        endpoint.instances[0].in_flight, endpoint.instances[1].in_flight = first, second_one
        endpoint_metrics.observe([endpoint], START + second)
    assert statistics("ConcurrentRequestsPerModel") == {}
    endpoint_metrics.observe([endpoint], START + 10)

    assert statistics("ConcurrentRequestsPerModel")["Average"] == 2
    assert statistics("ConcurrentRequestsPerModel")["Maximum"] == 4


def test_a_minute_without_a_request_has_zeros(endpoint: Any) -> None:
    endpoint_metrics.record(endpoint, "config", 200, 0.01, 0.001, START + 5)
    for second in range(10, 190, 10):
        endpoint_metrics.observe([endpoint], START + second)

    assert statistics("Invocations") == {"SampleCount": 3, "Sum": 1, "Average": 1 / 3, "Minimum": 0, "Maximum": 1}


def test_what_is_deleted_is_not_published_any_more(endpoint: Any) -> None:
    endpoint_metrics.observe([endpoint], START)
    endpoint_metrics.observe([], START + 10)

    assert statistics("ConcurrentRequestsPerModel") == {}
    assert not endpoint_metrics._periods
