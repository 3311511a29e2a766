"""When an alarm goes off: the two tables of AWS's page on missing data, and what they leave open."""

import pytest

from aws.alarm import AlarmRule, AlarmState, MissingData

TREATMENTS: tuple[MissingData, ...] = ("missing", "ignore", "breaching", "notBreaching")
VALUES = {"0": 1.0, "X": 9.0, "-": None}


def rule(needed: int, treatment: MissingData = "missing", periods: int = 3) -> AlarmRule:
    return AlarmRule(5, "GreaterThanThreshold", 300, periods, needed, treatment)


def state(points: str, needed: int, treatment: MissingData = "missing", previous: AlarmState = "OK") -> str:
    return rule(needed, treatment).state([VALUES[point] for point in points.split()], previous)


@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", "retained", "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", "retained", "ALARM", "OK")),
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", "retained", "ALARM", "OK")),
    ],
)
def test_it_is_in_the_state_that_aws_s_tables_say(needed: int, points: str, states: tuple[str, ...]) -> None:
    for treatment, expected in zip(TREATMENTS, states, strict=True):
        before: tuple[AlarmState, ...] = ("OK", "ALARM", "INSUFFICIENT_DATA")
        for previous in before:
            wanted = previous if expected == "retained" else expected
            assert state(points, needed, treatment, previous) == wanted, treatment


def test_a_breach_younger_than_the_datapoints_to_alarm_waits() -> None:
    assert state("- - - - X", 3) == "OK"
    assert state("- - - - X", 1) == "ALARM"


def test_datapoints_before_the_evaluation_range_do_not_count() -> None:
    assert state("X X X - - - - -", 3) == "INSUFFICIENT_DATA"


def test_without_datapoints_to_alarm_all_of_the_periods_have_to_breach() -> None:
    assert rule(0).state([9, 1, 9, 9], "OK") == "OK"
    assert rule(0).state([1, 9, 9, 9], "OK") == "ALARM"


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [6]),
        ("GreaterThanOrEqualToThreshold", [5, 6]),
        ("LessThanThreshold", [4]),
        ("LessThanOrEqualToThreshold", [4, 5]),
    ],
)
def test_it_compares(comparison: str, breaching: list[float]) -> None:
    compared = AlarmRule(5, comparison, 10, 1)  # type: ignore[arg-type]
    assert [value for value in (4, 5, 6) if compared.state([value], "OK") == "ALARM"] == breaching
