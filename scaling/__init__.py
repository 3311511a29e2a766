"""Scaling as AWS does it, without AWS: no I/O, no clock; seconds go in, decisions come out.

    policy = TargetTracking(target=4, minimum=1, maximum=8, metric_period=10)
    policy.observe(time, value)            # one datapoint: the metric of the period that ends at `time`
    wanted = policy.decide(time, current)  # capacity to have; `current` when nothing is to be done
    policy.completed(time)                 # that many are serving: cool-downs run from here

    rule = AlarmRule(threshold=4, comparison="GreaterThanThreshold", period=10, evaluation_periods=3)
    rule.state([5, None, 5, 6], previous="OK")   # "ALARM"; datapoints oldest first, None where there is none

    Schedule.parse("cron(0 8 ? * MON-FRI *)", "Europe/Zurich").next_after(epoch_seconds)

`local_aws` drives it with real metrics and alarms; `capacity` with simulated ones.
"""

from scaling.alarm import AlarmRule, AlarmState
from scaling.schedule import Schedule, ScheduleError
from scaling.target_tracking import HIGH_RESOLUTION, STANDARD, TargetTracking

__all__ = ["HIGH_RESOLUTION", "STANDARD", "AlarmRule", "AlarmState", "Schedule", "ScheduleError", "TargetTracking"]
