"""A setting that holds when the endpoint's limits change, as text."""

import re
from dataclasses import dataclass

from aws.schedule import Schedule

FORM = "SCHEDULE=MIN..MAX, more of them after a semicolon"
MAX_INSTANCES = 100  # of an endpoint


@dataclass(frozen=True)
class Limits:
    """From each time of `schedule` (an `at`, `rate` or `cron` expression) on, `minimum` to `maximum` instances."""

    schedule: str
    minimum: int
    maximum: int


def read_schedule(text: str) -> tuple[Limits, ...]:
    """The changes in `text`; ValueError says what is wrong with the first that is."""
    return tuple(_read(entry.strip()) for entry in text.split(";") if entry.strip())


def _read(entry: str) -> Limits:
    found = re.fullmatch(r"(.+\))\s*=\s*(\d+)\.\.(\d+)", entry)
    if not found:
        raise ValueError(f"must be {FORM}, such as cron(0 8 ? * MON-FRI *)=2..6; {entry!r} is not")
    minimum, maximum = int(found[2]), int(found[3])
    if not 1 <= minimum <= maximum <= MAX_INSTANCES:
        raise ValueError(f"{minimum}..{maximum} in {entry!r} must rise, from 1 or more to {MAX_INSTANCES} or less")
    Schedule.parse(found[1])
    return Limits(found[1], minimum, maximum)


def check_time_zone(name: str) -> str:
    """`name`, when it is a time zone; else ValueError."""
    Schedule.parse("rate(1 day)", name)
    return name
