"""Target tracking as in Application Auto Scaling: choose the capacity that keeps a metric near its target.

Source: "Target tracking scaling policies" and "Define cooldown periods", Application Auto Scaling User Guide; "Using
Amazon CloudWatch alarms" (an alarm that stays in ALARM invokes its scaling policy again each minute). AWS does
not publish how it computes the capacity; here it is proportional to the metric, rounded up.
"""

import math
from collections import deque

from aws.alarm import AlarmRule, AlarmState

STANDARD = 60.0  # seconds between the datapoints of most metrics
HIGH_RESOLUTION = 10.0  # … of ConcurrentRequestsPerModel

_REPEAT_SECONDS = 60.0
_HIGH_PERIODS = 3
_LOW_SECONDS = 15 * 60.0
_LOW_SHARE = 0.9


class TargetTracking:
    """A policy on a metric that falls as capacity grows. Times are in seconds of any clock.

    `minimum` and `maximum` may be changed, as scheduled actions do. `high` and `low` are the rules of the two alarms
    that AWS creates for the policy. A caller with real alarms uses `propose` and `started` instead of `observe` and
    `decide`.
    """

    def __init__(
        self,
        *,
        target: float,
        minimum: int,
        maximum: int,
        scale_out_cooldown: float = 300.0,
        scale_in_cooldown: float = 300.0,
        metric_period: float = STANDARD,
        disable_scale_in: bool = False,
    ) -> None:
        self.target, self.minimum, self.maximum = target, minimum, maximum
        self.scale_out_cooldown, self.scale_in_cooldown = scale_out_cooldown, scale_in_cooldown
        self.disable_scale_in = disable_scale_in
        self.high = AlarmRule(target, "GreaterThanThreshold", metric_period, _HIGH_PERIODS)
        low_periods = math.ceil(_LOW_SECONDS / metric_period)
        self.low = AlarmRule(target * _LOW_SHARE, "LessThanThreshold", metric_period, low_periods)
        self._values: deque[float | None] = deque(maxlen=self.low.evaluation_range)
        self._states: dict[str, AlarmState] = {"high": "INSUFFICIENT_DATA", "low": "INSUFFICIENT_DATA"}
        self._pending: int | None = None
        self._calls = {"high": -math.inf, "low": -math.inf}  # when the alarm, in ALARM, last invoked the policy
        self._completed = {"high": -math.inf, "low": -math.inf}
        self._last, self._base = "high", 0  # direction of the last activity, and the capacity before it

    def observe(self, time: float, value: float | None) -> None:
        """Add the datapoint of the period that ends at `time`; None if it has none."""
        self._values.append(value)
        for name, rule in (("high", self.high), ("low", self.low)):
            self._states[name] = rule.state(self._values, self._states[name])

    def decide(self, time: float, current: int) -> int:
        """The desired capacity at `time`. A value other than `current` starts an activity.

        The value stays the same until the activity is `completed`.
        """
        if self._pending is not None:
            return self._pending
        latest = next((value for value in reversed(self._values) if value is not None), None)
        wanted = self.propose(time, current, high=self._states["high"], low=self._states["low"], value=latest)
        if wanted != current:
            self.started(time, current, wanted)
        return wanted

    def propose(self, time: float, current: int, *, high: AlarmState, low: AlarmState, value: float | None) -> int:
        """The desired capacity for these states of the alarms, where `value` is the metric's last datapoint."""
        if self._pending is not None:
            return current
        called = {"high": self._called("high", high, time), "low": self._called("low", low, time)}
        bounded = self._bound(current)
        if bounded != current or value is None:
            return bounded
        if called["high"]:
            return self._scale_out(time, current, value)
        if called["low"] and not self.disable_scale_in:
            return self._scale_in(time, current, value)
        return current

    def started(self, time: float, current: int, wanted: int) -> None:
        """Note that an activity has begun. Until it is `completed`, `propose` changes nothing."""
        direction = "high" if wanted > current else "low"
        # A larger scale-out within the cooldown continues the previous one.
        if not (direction == "high" and self._cooling("high", time)):
            self._base = current
        self._last, self._pending = direction, wanted

    def completed(self, time: float, *, succeeded: bool = True) -> None:
        """Note that the activity has ended. A failed one starts no cooldown."""
        self._pending = None
        if succeeded:
            self._completed[self._last] = time
            if self._last == "high":  # scaling out ends the cooldown of scaling in
                self._completed["low"] = -math.inf

    def _scale_out(self, time: float, current: int, value: float) -> int:
        """Scale out. Within the cooldown, capacity that was already added counts towards the desired capacity."""
        base = self._base if self._cooling("high", time) else current
        return max(current, self._bound(self._proportional(base, value)))

    def _scale_in(self, time: float, current: int, value: float) -> int:
        if self._cooling("low", time):
            return current
        return min(current, self._bound(self._proportional(current, value)))

    def _proportional(self, capacity: int, value: float) -> int:
        return math.ceil(capacity * value / self.target - 1e-9)

    def _bound(self, capacity: int) -> int:
        return min(max(capacity, self.minimum), self.maximum)

    def _cooling(self, direction: str, time: float) -> bool:
        seconds = self.scale_out_cooldown if direction == "high" else self.scale_in_cooldown
        return time < self._completed[direction] + seconds

    def _called(self, direction: str, state: AlarmState, time: float) -> bool:
        """True if the alarm invokes the policy now: on its change to ALARM, and each minute that it stays there."""
        if state != "ALARM":
            self._calls[direction] = -math.inf
            return False
        if time < self._calls[direction] + _REPEAT_SECONDS:
            return False
        self._calls[direction] = time
        return True
