"""State of a CloudWatch metric alarm, computed from its datapoints.

Source: "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data", Amazon CloudWatch User
Guide; both tables of the latter are in tests/aws/test_alarm.py.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
MissingData = Literal["missing", "ignore", "breaching", "notBreaching"]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# Datapoints evaluated beyond the evaluation periods if some are missing: AWS's tables have two.
_EXTRA_DATAPOINTS = 2


@dataclass(frozen=True)
class AlarmRule:
    """Alarm if `datapoints_to_alarm` (0: all) of the last `evaluation_periods` datapoints breach the threshold.

    `period` is in seconds; each period has one datapoint.
    """

    threshold: float
    comparison: Comparison
    period: float
    evaluation_periods: int
    datapoints_to_alarm: int = 0
    treat_missing: MissingData = "missing"

    @property
    def evaluation_range(self) -> int:
        """Number of most recent periods that `state` evaluates."""
        return self.evaluation_periods + _EXTRA_DATAPOINTS

    def breaches(self, value: float) -> bool:
        """True if `value` breaches the threshold."""
        return COMPARISONS[self.comparison](value, self.threshold)

    def state(self, values: Sequence[float | None], previous: AlarmState) -> AlarmState:
        """The state after these datapoints: one for each period, oldest first, None for a missing one.

        Datapoints before the evaluation range are ignored.
        """
        needed = self.datapoints_to_alarm or self.evaluation_periods
        newest_first = list(reversed(values))[: self.evaluation_range]
        newest_first += [None] * (self.evaluation_range - len(newest_first))
        found = [(age, self.breaches(value)) for age, value in enumerate(newest_first) if value is not None]
        considered = found[: self.evaluation_periods]
        breaching = sum(breaches for _, breaches in considered)
        filled = self.evaluation_periods - len(considered)
        if breaching >= needed:
            return "ALARM"
        if filled and self.treat_missing == "breaching":
            return "ALARM" if breaching + filled >= needed else "OK"
        if filled and self.treat_missing in ("missing", "ignore"):
            # "Avoiding premature transitions to alarm state": alarm if the oldest breach is as old as the datapoints to
            # alarm and only breaches or gaps follow it.
            if not found:
                return "INSUFFICIENT_DATA" if self.treat_missing == "missing" else previous
            if breaching == len(found) and found[-1][0] + 1 >= needed:
                return "ALARM" if self.treat_missing == "missing" else previous
        return "OK"
