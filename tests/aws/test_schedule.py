"""When scheduled actions are due."""

from datetime import UTC, datetime

import pytest

from aws.schedule import Schedule, ScheduleError


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def due(expression: str, moment: str, zone: str = "UTC") -> str | None:
    found = Schedule.parse(expression, zone).next_after(seconds(moment))
    return None if found is None else datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("cron(0 8 ? * MON-FRI *)", "2026-01-02 07:59", "2026-01-02 08:00"),  # a Friday
        ("cron(0 8 ? * MON-FRI *)", "2026-01-02 08:00", "2026-01-05 08:00"),
        ("cron(0/20 9-10 * * ? *)", "2026-01-02 09:40", "2026-01-02 10:00"),
        ("cron(15,45 * 1 * ? *)", "2026-01-31 12:00", "2026-02-01 00:15"),
        ("cron(0 0 29 2 ? *)", "2026-03-01 00:00", "2028-02-29 00:00"),
        ("cron(0 0 ? JAN 1 *)", "2026-01-05 00:00", "2026-01-11 00:00"),  # 1 is Sunday
        ("cron(0 8 * * ? 2025)", "2026-01-01 00:00", None),
        ("at(2026-05-01T06:00:00)", "2026-01-01 00:00", "2026-05-01 06:00"),
        ("at(2026-05-01T06:00:00)", "2026-05-01 06:00", None),
        ("rate(2 hours)", "1970-01-01 03:00", "1970-01-01 04:00"),
    ],
)
def test_it_is_due_next(expression: str, moment: str, expected: str | None) -> None:
    assert due(expression, moment) == expected


def test_hours_are_those_of_the_time_zone_in_summer_and_winter() -> None:
    assert due("cron(0 8 * * ? *)", "2026-01-10 00:00", "Europe/Zurich") == "2026-01-10 07:00"
    assert due("cron(0 8 * * ? *)", "2026-07-10 00:00", "Europe/Zurich") == "2026-07-10 06:00"


def test_a_time_that_the_clocks_skip_is_skipped() -> None:
    assert due("cron(30 2 * * ? *)", "2026-03-28 12:00", "Europe/Zurich") == "2026-03-30 00:30"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 8 * * *", "none of cron"),
        ("cron(0 8 * * *)", "5 fields, not 6"),
        ("cron(0 8 * * * *)", "has to be ?"),
        ("cron(60 8 * * ? *)", "'60' is not a minute: from 0 to 59"),
        ("cron(0 8 ? * MON-FRY *)", "'MON-FRY' is not a day of the week"),
        ("cron(0 8 L * ? *)", "'L' is not a day of the month"),
        ("cron(0/0 8 1 * ? *)", "'0/0' is not a minute"),
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(0 minutes)", "rate(1 minute)"),
        ("at(tomorrow)", "at(2026-12-31T08:00:00)"),
    ],
)
def test_another_expression_is_refused_with_the_reason(expression: str, said: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(expression)
    assert said in str(refused.value)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ScheduleError, match="not a time zone"):
        Schedule.parse("rate(1 day)", "Mars/Olympus")
