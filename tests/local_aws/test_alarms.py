"""Alarms evaluate data as in AWS: by dimension and period, with percentiles, and without data."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local_aws import alarms, clock

START = 1_700_000_040.0  # start of a minute
ALARM: dict[str, Any] = {
    "AlarmName": "slow",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:slow",
    "Namespace": "Shop",
    "MetricName": "Seconds",
    "Dimensions": [{"Name": "Desk", "Value": "1"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "missing",
    "StateValue": "INSUFFICIENT_DATA",
}


@pytest.fixture(autouse=True)
def _account() -> Iterator[None]:
    """Separate account for each test, since MiniStack's data is global to the process."""
    with request_scope("123456789012", "eu-west-1"):
        yield
        cloudwatch.reset()


def put(second: float, *values: float, desk: str = "1") -> None:
    for value in values:
        cloudwatch._store_datum("Shop", "Seconds", {"Desk": desk}, START + second, "None", value, None, None, None)


def alarm(**changes: Any) -> dict[str, Any]:
    return {**ALARM, **changes}


def test_each_period_has_the_statistic_of_its_own_data() -> None:
    put(0, 2, 4)
    put(59.9, 6)
    put(60, 10)
    put(120, 99)  # in the current period, which does not count yet

    assert alarms.datapoints(alarm(), START + 130) == [None, None, 4, 10]
    assert alarms.datapoints(alarm(Statistic="Sum"), START + 130) == [None, None, 12, 10]
    assert alarms.datapoints(alarm(Statistic="SampleCount"), START + 190) == [None, 3, 1, 1]


def test_data_that_comes_late_counts_while_its_period_is_looked_at() -> None:
    put(0, 1)
    put(180, 5)
    assert alarms.datapoints(alarm(), START + 240) == [1, None, None, 5]
    assert alarms.datapoints(alarm(), START + 300) == [None, None, 5, None]

    put(130, 7)

    assert alarms.datapoints(alarm(), START + 300) == [None, 7, 5, None]
    assert alarms.datapoints(alarm(), START + 240) == [1, None, 7, 5]


def test_another_dimension_is_another_metric() -> None:
    put(0, 9, desk="2")

    assert alarms.datapoints(alarm(), START + 60) == [None] * 4


def test_a_percentile_is_over_every_value() -> None:
    put(0, *range(101))

    assert alarms.datapoints(alarm(ExtendedStatistic="p99"), START + 60)[-1] == 99


def test_it_changes_its_state_with_reason_and_history() -> None:
    slow = alarm()
    put(0, 9)
    put(60, 8)

    alarms.evaluate(slow, START + 120)

    assert slow["StateValue"] == "ALARM"
    assert slow["StateReason"].startswith("Threshold Crossed: 2 of the last 2 datapoints ([8, 9, …]) are Greater")
    (entry,) = cloudwatch._history_entries()
    assert entry["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


def test_it_is_evaluated_when_a_period_ends_without_new_data() -> None:
    slow = cloudwatch._alarms["slow"] = alarm()
    put(0, 9)
    put(60, 8)

    for second, state in ((119, "OK"), (120, "ALARM"), (240, "ALARM"), (400, "INSUFFICIENT_DATA")):
        alarms.evaluate_due(START + second)
        assert slow["StateValue"] == state, second


def test_a_period_shrinks_with_the_time_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(clock.VARIABLE, "20")
    start = START + 1 - (START + 1) % 3  # 60 AWS seconds take 3 s here
    for second, value in ((0, 9), (3, 8), (6, 7)):
        put(start - START + second, value)

    assert alarms.datapoints(alarm(), start + 6) == [None, None, 9, 8]


def test_its_actions_are_taken_once_for_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(cloudwatch, "_dispatch_alarm_actions", lambda alarm, old, new, reason: calls.append(new))
    slow = alarm(EvaluationPeriods=1)
    put(0, 9)
    put(60, 9)
    put(120, 1)
    for second in (60, 120, 180):
        alarms.evaluate(slow, START + second)

    assert calls == ["ALARM", "OK"]


@pytest.mark.parametrize("lacking", [{"MetricName": None}, {"ComparisonOperator": "GreaterThanUpperThreshold"}])
def test_metric_math_and_anomaly_bands_are_refused_and_not_kept(
    monkeypatch: pytest.MonkeyPatch, lacking: dict[str, Any]
) -> None:
    for name in ("_evaluate_alarm", "_put_metric_alarm", "cloudformation_put_metric_alarm"):
        monkeypatch.setattr(cloudwatch, name, getattr(cloudwatch, name))  # put back at the end
    alarms.install()

    status, _, body = cloudwatch._put_metric_alarm({}, alarm(**lacking), False, True)
    assert (status, b"alarm slow: local AWS supports one metric" in body) == (400, True)
    with pytest.raises(ValueError, match="no metric math and no anomaly detection"):
        cloudwatch.cloudformation_put_metric_alarm(alarm(**lacking))
    assert not cloudwatch._alarms


@pytest.mark.parametrize("text", ["0", "0.5", "121", "fast", "nan"])
def test_a_time_factor_is_a_number_from_1_to_120(text: str) -> None:
    with pytest.raises(ValueError, match="from 1 to 120"):
        clock.parse_time_factor(text)
