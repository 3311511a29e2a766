"""A traffic through the scaling policy and the instances' queues."""

from dataclasses import dataclass

import numpy as np

from tools.capacity.fleet import Fleet, tick_seconds
from tools.capacity.instance import Instance
from tools.capacity.latencies import Latencies
from tools.capacity.policy import Policy
from tools.load.curve import Curve

PERIOD = 10.0  # seconds: requests in flight are published, alarms and policy looked at
MOST_PARTS = 300  # of the time, in what is drawn
MONDAY = 4 * 86400.0  # the first Monday's midnight of the epoch, UTC


@dataclass(frozen=True)
class Outcome:
    """What a policy made of a traffic. Seconds, and for each part of the time that begins at `second` [parts]:
    requests `offered` and `dropped` a second, instances that serve and that are `paid` for, and latencies.
    """

    policy: Policy
    requests: int
    dropped: int
    p50: float
    p99: float
    instance_hours: float
    most_instances: int
    second: np.ndarray
    offered: np.ndarray
    lost: np.ndarray
    serving: np.ndarray
    paid: np.ndarray
    p50_over_time: np.ndarray
    p99_over_time: np.ndarray

    @property
    def dropped_share(self) -> float:
        return self.dropped / max(1, self.requests)


def simulate(
    curve: Curve, policy: Policy, instance: Instance, *, start_seconds: float, seed: int, begin: float = MONDAY
) -> Outcome:
    """The same seed gives the same outcome. It begins with the policy's least number of instances, their queues empty.

    An instance serves `start_seconds` after it is asked for, rounded up to a period, and is paid for from then on;
    meanwhile the endpoint is not scaled again. One that is not wanted any more leaves at once. The traffic begins at
    `begin`, in epoch seconds, which scheduled changes of the limits go by.
    """
    tick = tick_seconds(instance, PERIOD)
    periods = int(np.ceil(curve.duration / PERIOD))
    edges = np.minimum(np.arange(periods * round(PERIOD / tick) + 1) * tick, curve.duration)
    expected = np.diff(curve.requests(edges)).clip(0).reshape(periods, -1)
    width = -(-periods // MOST_PARTS)
    parts = -(-periods // width)
    latencies = Latencies(parts)
    offered, lost, serving, paid = np.zeros((4, parts))
    fleet = Fleet(instance, policy.minimum, tick, seed)
    scaler = _Scaler(policy, start_seconds, begin)
    for number in range(periods):
        stretch = fleet.advance(expected[number])
        part, served = number // width, int(stretch.arrived.sum())
        latencies.add(part, stretch.latency, stretch.arrived)
        offered[part] += served + stretch.dropped
        lost[part] += stretch.dropped
        serving[part] += len(fleet)
        paid[part] += scaler.paid(len(fleet))
        come = served + stretch.dropped
        fleet.resize(scaler.after((number + 1) * PERIOD, len(fleet), stretch.in_flight, come))
    lengths = np.minimum(width, periods - width * np.arange(parts))  # periods of each part
    return Outcome(
        policy=policy,
        requests=int(offered.sum()),
        dropped=int(lost.sum()),
        p50=latencies.percentile(50),
        p99=latencies.percentile(99),
        instance_hours=float(paid.sum()) * PERIOD / 3600,
        most_instances=scaler.most,
        second=np.arange(parts) * width * PERIOD,
        offered=offered / (lengths * PERIOD),
        lost=lost / (lengths * PERIOD),
        serving=serving / lengths,
        paid=paid / lengths,
        p50_over_time=latencies.over_time(50),
        p99_over_time=latencies.over_time(99),
    )


class _Scaler:
    """Feeds the policy its metric, and brings about what it decides."""

    def __init__(self, policy: Policy, start_seconds: float, begin: float) -> None:
        self._begin = begin
        self._changes = [(change, change.schedule.next_after(begin, begin)) for change in policy.changes]
        self._metric = policy.metric
        self._each = policy.period
        self._tracking = policy.tracking()
        self._start_seconds = start_seconds
        self._wanted, self._ready = 0, float("inf")  # instances that a change leads to, and when
        self._invocations = 0.0
        self.most = policy.minimum

    def paid(self, serving: int) -> int:
        return max(serving, self._wanted)

    def after(self, time: float, serving: int, in_flight: float, come: int) -> int:
        """The instances that serve from `time` on; in the period that ends then `come` requests came."""
        self._invocations += come / serving
        if self._metric == "concurrency":
            self._tracking.observe(time, in_flight)
        elif time % self._each == 0:
            self._tracking.observe(time, self._invocations)
            self._invocations = 0.0
        if time >= self._ready:
            serving, self._wanted, self._ready = self._wanted, 0, float("inf")
            self._tracking.completed(time)
        self._change_limits(self._begin + time)
        if not self._wanted:
            serving = self._decide(time, serving)
        self.most = max(self.most, serving)
        return serving

    def _change_limits(self, now: float) -> None:
        """What is due by `now`, in epoch seconds; the last of them counts."""
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
