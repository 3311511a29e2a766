"""Time factor of local AWS: number of AWS seconds in one real second.

It shortens alarm periods, cool-downs and metric intervals. Time stamps, scheduled actions, timeouts and start-up times
stay real.
"""

import os

VARIABLE = "SLIPWAY_TIME_FACTOR"
DEFAULT = 60.0  # a minute of waiting on AWS takes a second here
MAX_FACTOR = 120.0  # a metric period of 10 s then takes a twelfth of a second


def time_factor() -> float:
    """Time factor from the environment, or the default.

    Raises:
        ValueError: the variable is not a number from 1 to MAX_FACTOR.
    """
    return parse_time_factor(os.environ.get(VARIABLE, f"{DEFAULT:g}"))


def parse_time_factor(text: str) -> float:
    """Parse a time factor.

    Raises:
        ValueError: `text` is not a number from 1 to MAX_FACTOR.
    """
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor <= MAX_FACTOR:
        raise ValueError(f"the time factor is a number from 1 to {MAX_FACTOR:.0f}, not {text!r}")
    return factor


def aws_seconds(moment: float) -> float:
    """Convert epoch seconds to AWS seconds, which pass `time_factor()` times as fast."""
    return moment * time_factor()


def real_seconds(moment: float) -> float:
    """Convert AWS seconds back to epoch seconds: the inverse of `aws_seconds`."""
    return moment / time_factor()
