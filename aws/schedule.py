"""Times of a scheduled action: AWS's `at(…)`, `rate(…)` and `cron(…)` expressions in a time zone.

Source: "Schedule recurring scaling actions using cron expressions", Application Auto Scaling User Guide.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_FORMS = "cron(minute hour day month weekday year), rate(5 minutes) or at(2026-12-31T08:00:00)"
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 1, 7, _WEEKDAYS),
    ("year", 1970, 2199, {}),
)
_HORIZON_DAYS = 8 * 366  # the next leap day is within this


class ScheduleError(ValueError):
    """The expression is invalid. The message gives the reason and the valid forms."""


@dataclass(frozen=True)
class Schedule:
    """A parsed expression.

    Attributes:
        fields: sets of values of a cron expression; None for any value.
        every: seconds of a rate expression.
        once: time of an `at` expression, in epoch seconds.
    """

    zone: ZoneInfo
    fields: tuple[frozenset[int] | None, ...] = ()
    every: int = 0
    once: float | None = None

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC") -> "Schedule":
        """Parse an expression. Raises ScheduleError if it or the time zone is invalid."""
        try:
            zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ScheduleError(f"{timezone!r} is not a time zone such as UTC or Europe/Zurich") from error
        match re.fullmatch(r"(cron|rate|at)\((.*)\)", text.strip()):
            case None:
                raise ScheduleError(f"{text!r} is none of {_FORMS}")
            case found if found[1] == "cron":
                return cls(zone, fields=_cron(found[2]))
            case found if found[1] == "rate":
                return cls(zone, every=_rate(found[2]))
            case found:
                return cls(zone, once=_at(found[2], zone))

    def next_after(self, moment: float, start: float = 0.0) -> float | None:
        """The first time after `moment`; None if there is none. A rate counts from `start`. All in epoch seconds."""
        if self.once is not None:
            return self.once if self.once > moment else None
        if self.every:
            return start + (max(0, int((moment - start) // self.every)) + 1) * self.every
        return self._next_of_cron(moment)

    def _next_of_cron(self, moment: float) -> float | None:
        minutes, hours = (sorted(self._values(index)) for index in (0, 1))
        day = datetime.fromtimestamp(moment, self.zone).date()
        for _ in range(_HORIZON_DAYS):
            if self._on(day):
                for hour in hours:
                    for minute in minutes:
                        due = self._instant(day, hour, minute)
                        if due is not None and due > moment:
                            return due
            day += timedelta(days=1)
        return None

    def _on(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        found = (day.day, day.month, weekday, day.year)
        return all(field is None or value in field for value, field in zip(found, self.fields[2:], strict=True))

    def _instant(self, day: date, hour: int, minute: int) -> float | None:
        """Epoch seconds of this local time; None if the clock skipped it on that day."""
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
        seconds = local.timestamp()
        back = datetime.fromtimestamp(seconds, self.zone)
        return seconds if (back.hour, back.minute) == (hour, minute) else None

    def _values(self, index: int) -> frozenset[int]:
        _, low, high, _ = _FIELDS[index]
        given = self.fields[index]
        return frozenset(range(low, high + 1)) if given is None else given


def _cron(text: str) -> tuple[frozenset[int] | None, ...]:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f"cron({text}) has {len(parts)} fields, not {len(_FIELDS)}: {_FORMS}")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ScheduleError(f"cron({text}): one of day of the month and day of the week has to be ?, not both or none")
    return tuple(_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True))


def _field(text: str, name: str, low: int, high: int, words: dict[str, int]) -> frozenset[int] | None:
    if text == "*" or (text == "?" and name.startswith("day")):
        return None
    values: set[int] = set()
    for item in text.split(","):
        found = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", item)
        try:
            if not found or (found[1] == "*" and found[2]):
                raise ValueError
            first = low if found[1] == "*" else _number(found[1], words)
            last = _number(found[2], words) if found[2] else high if found[1] == "*" or found[3] else first
            step = int(found[3] or 1)
            if not (low <= first <= last <= high and step):
                raise ValueError
        except ValueError:
            raise ScheduleError(
                f"{item!r} is not a {name}: from {low} to {high}, A-B, A,B, A/STEP or *"
                + (f", or {', '.join(words)}" if words else "")
                + ("; L, W and #, which AWS knows, are not supported here" if name.startswith("day") else "")
            ) from None
        values |= set(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, words: dict[str, int]) -> int:
    return words.get(text.upper()) or int(text)


def _rate(text: str) -> int:
    found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", text.strip())
    if not found or (found[1] == "1") == bool(found[3]):
        raise ScheduleError(f"rate({text}) is not like rate(1 minute), rate(5 hours) or rate(2 days)")
    return int(found[1]) * _UNITS[found[2]]


def _at(text: str, zone: ZoneInfo) -> float:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).timestamp()
    except ValueError:
        raise ScheduleError(f"at({text}) is not like at(2026-12-31T08:00:00)") from None
