"""Simulates the queues of several instances over time.

Time advances in ticks. Each instance receives a Poisson number of requests a tick, since SageMaker routes at random. A
queue is modelled by its unfinished work, in requests, which all servers of the instance reduce together. For one server
the model is exact up to a tick. For several, an arriving request does not wait for `_BEGUN` of a request per further
server. That constant is fitted to requests simulated one by one: percentiles agree within 20 %
(tests/tools/capacity/test_fleet.py).
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.capacity.instance import InstanceQueue

_BEGUN = 0.25
_MIN_TICK, _MAX_TICK = 0.02, 0.25  # seconds


def tick_seconds(instance: InstanceQueue, period: float) -> float:
    """Length of a tick: a quarter of a request's time on a server, bounded, and a whole fraction of `period`."""
    wanted = min(max(instance.busy / 4, _MIN_TICK), _MAX_TICK)
    return period / math.ceil(period / wanted)


@dataclass(frozen=True)
class TickResult:
    """Result of simulating a fleet for some ticks.

    Attributes:
        arrived: accepted requests, [instances, ticks].
        latency: their mean latency in seconds, [instances, ticks].
        dropped: number of requests that were not accepted.
        in_flight: average number of requests in flight per instance.
    """

    arrived: np.ndarray
    latency: np.ndarray
    dropped: int
    in_flight: float


class Fleet:
    """Instances with a queue each. A removed instance still answers its queue: latencies count at arrival."""

    def __init__(self, instance: InstanceQueue, count: int, tick: float, seed: int) -> None:
        self._instance, self._tick = instance, tick
        self._work = np.zeros(count)  # unfinished requests of each instance at the end of the last tick
        self._random = np.random.default_rng(seed)
        # A request that finds this much unfinished work is dropped.
        self._max_work = instance.queue + (instance.servers + 1) / 2

    def __len__(self) -> int:
        return len(self._work)

    def resize(self, count: int) -> None:
        """Change the number of instances. New ones have an empty queue; the newest are removed first."""
        more = max(0, count - len(self))
        self._work = np.concatenate([self._work[:count], np.zeros(more)])

    def advance(self, expected: np.ndarray) -> TickResult:
        """Simulate the next ticks; `expected` [ticks] is the mean number of requests to the fleet in each."""
        arrived = self._random.poisson(expected / len(self), (len(self), len(expected)))
        done = self._instance.rate * self._tick
        before_all = self._work
        path = before_all[:, None] + np.cumsum(arrived - done, axis=1)
        after = path - np.minimum(np.minimum.accumulate(path, axis=1), 0)
        dropped = 0
        if after.max() > self._max_work:
            arrived, after, dropped = self._bounded(arrived, done)
        before = np.concatenate([before_all[:, None], after[:, :-1]], axis=1)
        self._work = after[:, -1]
        return TickResult(
            arrived, self._latency(before, arrived, done), dropped, self._in_flight(before, after, arrived)
        )

    def _bounded(self, arrived: np.ndarray, done: float) -> tuple[np.ndarray, np.ndarray, int]:
        """Simulate with bounded queues: accepted requests, work after each tick, number of dropped requests."""
        work, let_in, after = self._work, np.empty_like(arrived), np.empty(arrived.shape)
        for at in range(arrived.shape[1]):
            # The work that the servers finish within a tick makes room for its arrivals.
            room = np.maximum(np.floor(self._max_work + done - work), 0).astype(arrived.dtype)
            let_in[:, at] = np.minimum(arrived[:, at], room)
            work = after[:, at] = np.maximum(work + let_in[:, at] - done, 0)
        return let_in, after, int(arrived.sum() - let_in.sum())

    def _latency(self, before: np.ndarray, arrived: np.ndarray, done: float) -> np.ndarray:
        """Mean latency (s) of each tick's requests, which arrive evenly over the tick."""
        ahead = before + (arrived - 1 - done) / 2 - _BEGUN * (self._instance.servers - 1)
        return np.maximum(ahead, 0) / self._instance.rate + self._instance.latency

    def _in_flight(self, before: np.ndarray, after: np.ndarray, arrived: np.ndarray) -> float:
        """Average requests in flight: those in service by Little's law, plus the work that no server has begun."""
        count, ticks = arrived.shape
        served = (arrived.sum() + before[:, 0].sum() - after[:, -1].sum()) / (count * ticks * self._tick)
        utilization = served / self._instance.rate
        begun = utilization * (0.5 + _BEGUN * (self._instance.servers - 1))  # unfinished work in service
        waiting = max(0.0, float((before + after + arrived).mean()) / 2 - begun)
        return waiting + served * self._instance.latency
