"""The one time factor of a local AWS: how many of AWS's seconds pass in one of ours.

Alarm periods, cool-downs and the rhythm of metrics follow it. Time stamps stay real, and so do the schedules of
scheduled actions, time limits, and how long anything takes to start.
"""

import os

VARIABLE = "SLIPWAY_TIME_FACTOR"
DEFAULT = 60.0  # a minute of AWS's waiting is a second of whoever tries something on a laptop
LARGEST = 120.0  # a metric's period of 10 s is then a twelfth of a second


def time_factor() -> float:
    """The factor of the environment's local AWS. Raises ValueError."""
    return parse_time_factor(os.environ.get(VARIABLE, f"{DEFAULT:g}"))


def parse_time_factor(text: str) -> float:
    """Raises ValueError."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor <= LARGEST:
        raise ValueError(f"the time factor is a number from 1 to {LARGEST:.0f}, not {text!r}")
    return factor


def aws_seconds(moment: float) -> float:
    """The epoch seconds `moment` on a clock that runs as fast as this AWS does."""
    return moment * time_factor()


def real_seconds(moment: float) -> float:
    """What `aws_seconds` was made from."""
    return moment / time_factor()
