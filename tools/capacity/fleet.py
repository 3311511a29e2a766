"""The queues of several instances over time.

Time goes in ticks, requests are a Poisson number a tick and instance (SageMaker routes at random), and a queue is its
unfinished work in requests, which all servers together wear down. An instance with one server is then exact up to a
tick. With several, `_BEGUN` of a request for each further server is taken not to be waited for: fitted to requests
simulated one by one, whose percentiles come out within 20 % (tests/tools/capacity/test_fleet.py).
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.capacity.instance import Instance

_BEGUN = 0.25
_SHORTEST, _LONGEST = 0.02, 0.25  # seconds a tick


def tick_seconds(instance: Instance, period: float) -> float:
    """A quarter of a request's time on a server, within bounds, that divides `period`."""
    wanted = min(max(instance.busy / 4, _SHORTEST), _LONGEST)
    return period / math.ceil(period / wanted)


@dataclass(frozen=True)
class Stretch:
    """Some ticks of a fleet. `arrived` (requests let in) and `latency` (their seconds) are [instances, ticks].

    `dropped` is how many were not let in; `in_flight` the requests in flight an instance, on average.
    """

    arrived: np.ndarray
    latency: np.ndarray
    dropped: int
    in_flight: float


class Fleet:
    """Instances with queues; those that leave finish what they have."""

    def __init__(self, instance: Instance, count: int, tick: float, seed: int) -> None:
        self._instance, self._tick = instance, tick
        self._work = np.zeros(count)  # requests, at the end of the last tick
        self._random = np.random.default_rng(seed)
        # A request finds the queue full when so much work is before it.
        self._most = instance.queue + (instance.servers + 1) / 2

    def __len__(self) -> int:
        return len(self._work)

    def resize(self, count: int) -> None:
        """Instances come with an empty queue; the last to come leave first."""
        more = max(0, count - len(self))
        self._work = np.concatenate([self._work[:count], np.zeros(more)])

    def advance(self, expected: np.ndarray) -> Stretch:
        """Requests come, `expected` of them in each of the coming ticks, [ticks]."""
        arrived = self._random.poisson(expected / len(self), (len(self), len(expected)))
        done = self._instance.rate * self._tick
        before_all = self._work
        path = before_all[:, None] + np.cumsum(arrived - done, axis=1)
        after = path - np.minimum(np.minimum.accumulate(path, axis=1), 0)
        dropped = 0
        if after.max() > self._most:
            arrived, after, dropped = self._bounded(arrived, done)
        before = np.concatenate([before_all[:, None], after[:, :-1]], axis=1)
        self._work = after[:, -1]
        return Stretch(arrived, self._latency(before, arrived, done), dropped, self._in_flight(before, after, arrived))

    def _bounded(self, arrived: np.ndarray, done: float) -> tuple[np.ndarray, np.ndarray, int]:
        """The same with full queues: requests let in, work after each tick, requests dropped."""
        work, let_in, after = self._work, np.empty_like(arrived), np.empty(arrived.shape)
        for at in range(arrived.shape[1]):
            # Within a tick the servers make room for what comes in it.
            room = np.maximum(np.floor(self._most + done - work), 0).astype(arrived.dtype)
            let_in[:, at] = np.minimum(arrived[:, at], room)
            work = after[:, at] = np.maximum(work + let_in[:, at] - done, 0)
        return let_in, after, int(arrived.sum() - let_in.sum())

    def _latency(self, before: np.ndarray, arrived: np.ndarray, done: float) -> np.ndarray:
        """Of a tick's requests, on average: they come spread over the tick."""
        ahead = before + (arrived - 1 - done) / 2 - _BEGUN * (self._instance.servers - 1)
        return np.maximum(ahead, 0) / self._instance.rate + self._instance.latency

    def _in_flight(self, before: np.ndarray, after: np.ndarray, arrived: np.ndarray) -> float:
        """By Little's law for those in service; the others are the work that is not begun, each one request of it."""
        count, ticks = arrived.shape
        served = (arrived.sum() + before[:, 0].sum() - after[:, -1].sum()) / (count * ticks * self._tick)
        utilization = served / self._instance.rate
        begun = utilization * (0.5 + _BEGUN * (self._instance.servers - 1))  # unfinished work in service
        waiting = max(0.0, float((before + after + arrived).mean()) / 2 - begun)
        return waiting + served * self._instance.latency
