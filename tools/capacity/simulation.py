"""Simulates traffic through the scaling policy and the instances' queues."""

from dataclasses import dataclass

import numpy as np

from tools.capacity.fleet import Fleet, tick_seconds
from tools.capacity.instance import InstanceQueue
from tools.capacity.latencies import Latencies
from tools.capacity.policy import SimulatedPolicy
from tools.load.curve import Curve

PERIOD = 10.0  # seconds between two evaluations of metric, alarms and policy
MAX_PARTS = 300  # maximum number of points over time in a result
MONDAY = 4 * 86400.0  # midnight of the epoch's first Monday, UTC


@dataclass(frozen=True)
class SimulationResult:
    """Result of one policy under one traffic curve; times in seconds.

    Attributes:
        requests, dropped: total numbers of requests.
        second: start of each part of the time, [parts]; the arrays below have one value for each part.
        offered, dropped_rate: requests a second.
        serving, paid: instances in service, and instances billed (starting ones included).
        p50_over_time, p99_over_time: latencies; NaN for a part without requests.
    """

    policy: SimulatedPolicy
    requests: int
    dropped: int
    p50: float
    p99: float
    instance_hours: float
    max_instances: int
    second: np.ndarray
    offered: np.ndarray
    dropped_rate: np.ndarray
    serving: np.ndarray
    paid: np.ndarray
    p50_over_time: np.ndarray
    p99_over_time: np.ndarray

    @property
    def dropped_share(self) -> float:
        return self.dropped / max(1, self.requests)


def simulate(
    curve: Curve,
    policy: SimulatedPolicy,
    instance: InstanceQueue,
    *,
    start_seconds: float,
    seed: int,
    begin: float = MONDAY,
) -> SimulationResult:
    """Simulate a curve from the policy's minimum of instances with empty queues. The same seed gives the same result.

    A new instance is billed from the scaling decision on and serves `start_seconds` later, rounded up to a period;
    until then the endpoint is not scaled again. A removed instance leaves at once. The traffic begins at `begin`, in
    epoch seconds, which decides when scheduled changes of the limits apply.
    """
    tick = tick_seconds(instance, PERIOD)
    periods = int(np.ceil(curve.duration / PERIOD))
    width = -(-periods // MAX_PARTS)
    parts = -(-periods // width)
    latencies = Latencies(parts)
    offered, dropped, serving, paid = np.zeros((4, parts))
    fleet = Fleet(instance, policy.minimum, tick, seed)
    scaler = _Scaler(policy, start_seconds, begin)
    for number in range(periods):
        if number % width == 0:  # one part at a time: a year in ticks does not fit into memory
            expected = _expected(curve, range(number, min(number + width, periods)), tick)
        result = fleet.advance(expected[number % width])
        part, served = number // width, int(result.arrived.sum())
        latencies.add(part, result.latency, result.arrived)
        offered[part] += served + result.dropped
        dropped[part] += result.dropped
        serving[part] += len(fleet)
        paid[part] += scaler.paid(len(fleet))
        arrived = served + result.dropped
        fleet.resize(scaler.after((number + 1) * PERIOD, len(fleet), result.in_flight, arrived))
    lengths = np.minimum(width, periods - width * np.arange(parts))  # number of periods in each part
    return SimulationResult(
        policy=policy,
        requests=int(offered.sum()),
        dropped=int(dropped.sum()),
        p50=latencies.percentile(50),
        p99=latencies.percentile(99),
        instance_hours=float(paid.sum()) * PERIOD / 3600,
        max_instances=scaler.max_instances,
        second=np.arange(parts) * width * PERIOD,
        offered=offered / (lengths * PERIOD),
        dropped_rate=dropped / (lengths * PERIOD),
        serving=serving / lengths,
        paid=paid / lengths,
        p50_over_time=latencies.over_time(50),
        p99_over_time=latencies.over_time(99),
    )


def _expected(curve: Curve, periods: range, tick: float) -> np.ndarray:
    """Expected requests in each tick of these periods, [periods, ticks]."""
    ticks = round(PERIOD / tick)
    edges = np.minimum(np.arange(periods.start * ticks, periods.stop * ticks + 1) * tick, curve.duration)
    return np.diff(curve.requests(edges)).clip(0).reshape(len(periods), ticks)


class _Scaler:
    """Gives the policy its metric and carries out its decisions."""

    def __init__(self, policy: SimulatedPolicy, start_seconds: float, begin: float) -> None:
        self._begin = begin
        self._changes = [(change, change.schedule.next_after(begin, begin)) for change in policy.changes]
        self._metric = policy.metric
        self._metric_period = policy.period
        self._tracking = policy.tracking()
        self._start_seconds = start_seconds
        self._wanted, self._ready = 0, float("inf")  # of the activity in progress; 0 without one
        self._invocations = 0.0
        self.max_instances = policy.minimum

    def paid(self, serving: int) -> int:
        return max(serving, self._wanted)

    def after(self, time: float, serving: int, in_flight: float, arrived: int) -> int:
        """Instances in service after a period that ends at `time` (s), in which `arrived` requests arrived."""
        self._invocations += arrived / serving
        if self._metric == "concurrency":
            self._tracking.observe(time, in_flight)
        elif time % self._metric_period == 0:
            self._tracking.observe(time, self._invocations)
            self._invocations = 0.0
        if time >= self._ready:
            serving, self._wanted, self._ready = self._wanted, 0, float("inf")
            self._tracking.completed(time)
        self._change_limits(self._begin + time)
        if not self._wanted:
            serving = self._decide(time, serving)
        self.max_instances = max(self.max_instances, serving)
        return serving

    def _change_limits(self, now: float) -> None:
        """Apply scheduled actions due by `now` (epoch seconds) in order of time, so that the last one counts."""
        due = [(at, number) for number, (_, at) in enumerate(self._changes) if at is not None and at <= now]
        for _, number in sorted(due):
            change, _ = self._changes[number]
            self._tracking.minimum, self._tracking.maximum = change.minimum, change.maximum
            self._changes[number] = change, change.schedule.next_after(now, self._begin)

    def _decide(self, time: float, serving: int) -> int:
        wanted = self._tracking.decide(time, serving)
        if wanted > serving and self._start_seconds > 0:
            self._wanted, self._ready = wanted, time + self._start_seconds
            return serving
        if wanted != serving:
            self._tracking.completed(time)
        return wanted
