"""Simulated queues agree with queueing theory."""

import heapq

import numpy as np
import pytest

from serving.admission import MAX_IN_FLIGHT
from tools.capacity.fleet import Fleet, tick_seconds
from tools.capacity.instance import InstanceQueue
from tools.capacity.latencies import Latencies

PERIOD = 10.0


def measure(
    instance: InstanceQueue, rate: float, *, count: int = 1, periods: int = 600
) -> tuple[Latencies, float, int]:
    """Latencies, requests in flight per instance and dropped requests, at `rate` requests a second per instance."""
    tick = tick_seconds(instance, PERIOD)
    fleet, latencies = Fleet(instance, count, tick, seed=1), Latencies(1)
    flights, dropped = [], 0
    for _ in range(periods):
        result = fleet.advance(np.full(round(PERIOD / tick), rate * count * tick))
        latencies.add(0, result.latency, result.arrived)
        flights.append(result.in_flight)
        dropped += result.dropped
    return latencies, float(np.mean(flights)), dropped


def one_by_one(instance: InstanceQueue, rate: float, seconds: float) -> np.ndarray:
    """Latencies (s) of Poisson arrivals at an unbounded queue, simulated one by one on the first free server."""
    random = np.random.default_rng(2)
    arrivals = np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))
    free = [0.0] * instance.servers
    latencies = []
    for arrival in arrivals:
        start = max(arrival, heapq.heappop(free))
        heapq.heappush(free, start + instance.busy)
        latencies.append(start + instance.busy + instance.overhead - arrival)
    return np.array(latencies)


@pytest.mark.parametrize("utilization", [0.5, 0.8, 0.9])
@pytest.mark.parametrize(("rate", "latency"), [(10, 0.1), (20, 0.2)], ids=["1 server", "4 servers"])
def test_latencies_are_those_of_requests_simulated_one_by_one(rate: float, latency: float, utilization: float) -> None:
    instance = InstanceQueue.measured(rate, latency, queue=60)
    latencies, _, _ = measure(instance, utilization * rate)
    exact = one_by_one(instance, utilization * rate, 6000)
    assert latencies.percentile(50) == pytest.approx(np.percentile(exact, 50), rel=0.2)
    assert latencies.percentile(99) == pytest.approx(np.percentile(exact, 99), rel=0.2)


@pytest.mark.parametrize("utilization", [0.3, 0.8])
@pytest.mark.parametrize("latency", [0.1, 0.13])
def test_requests_in_flight_are_those_of_theory(latency: float, utilization: float) -> None:
    instance = InstanceQueue.measured(10, latency)
    _, in_flight, _ = measure(instance, utilization * 10, count=2)
    assert in_flight == pytest.approx(instance.in_flight(utilization), rel=0.1)


def test_what_is_too_much_is_dropped_and_the_rest_waits_for_a_full_queue() -> None:
    instance = InstanceQueue.measured(10, 0.1, queue=20)
    latencies, in_flight, dropped = measure(instance, 25, periods=100)
    assert dropped == pytest.approx((25 - 10) * 100 * PERIOD, rel=0.03)
    assert latencies.percentile(50) == pytest.approx(21 * 0.1, rel=0.05)
    assert in_flight == pytest.approx(21, rel=0.05)


def test_nothing_is_dropped_while_the_queue_has_room() -> None:
    assert measure(InstanceQueue.measured(10, 0.1, queue=60), 9)[2] == 0


def test_a_new_instance_has_an_empty_queue_and_the_old_ones_keep_theirs() -> None:
    fleet = Fleet(InstanceQueue.measured(10, 0.1, queue=600), 1, 0.025, seed=0)
    fleet.advance(np.full(400, 1.0))
    fleet.resize(2)
    old, new = fleet.advance(np.full(400, 1e-9 + 0.2)).latency[:, 0]
    assert old > 10 > 1 > new


@pytest.mark.parametrize(("rate", "in_flight"), [(1000, MAX_IN_FLIGHT), (40, 41), (10, 11), (0.5, 1)])
def test_it_lets_in_what_the_server_lets_in(rate: float, in_flight: int) -> None:
    """A second's requests, and the one that finds them ahead of it; as many as fit into memory at most."""
    assert InstanceQueue.measured(rate, latency=1 / rate).max_in_flight == in_flight
    assert InstanceQueue.measured(rate, latency=1 / rate, queue=7).queue == 7


def test_a_measured_instance_answers_at_its_rate_and_a_single_request_in_its_latency() -> None:
    instance = InstanceQueue.measured(rate=40, latency=0.06)
    assert (instance.servers, instance.servers / instance.busy) == (2, pytest.approx(40))
    assert instance.latency == pytest.approx(0.06)
