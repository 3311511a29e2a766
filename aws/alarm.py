"""A CloudWatch metric alarm's state, from its datapoints.

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
# Datapoints that are looked at beyond the evaluation periods when some are missing: AWS's tables have two.
_BEYOND = 2


@dataclass(frozen=True)
class AlarmRule:
    """`datapoints_to_alarm` (0: all) of `evaluation_periods` datapoints, one each `period` seconds, breach."""

    threshold: float
    comparison: Comparison
    period: float
    evaluation_periods: int
    datapoints_to_alarm: int = 0
    treat_missing: MissingData = "missing"

    @property
    def evaluation_range(self) -> int:
        """How many of the last periods' datapoints `state` looks at."""
        return self.evaluation_periods + _BEYOND

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)

    def state(self, values: Sequence[float | None], previous: AlarmState) -> AlarmState:
        """The state after these datapoints: one for each period, the oldest first, None where there is none.

        Those before the evaluation range do not count.
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
            # "Avoiding premature transitions to alarm state": a breach as old as the datapoints to alarm,
            # and nothing but breaches or gaps since, is not waited upon.
            if not found:
                return "INSUFFICIENT_DATA" if self.treat_missing == "missing" else previous
            if breaching == len(found) and found[-1][0] + 1 >= needed:
                return "ALARM" if self.treat_missing == "missing" else previous
        return "OK"
