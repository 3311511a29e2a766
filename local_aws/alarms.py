"""CloudWatch's metric alarms as AWS evaluates them: by period, with missing data, also when no data comes.

MiniStack evaluates an alarm when data is put, over all of it since the first period's start and over every
dimension of the metric. Source: "Alarm evaluation", Amazon CloudWatch User Guide.
"""

import math
import time
from typing import Any

from ministack.services import cloudwatch

from aws.alarm import COMPARISONS, AlarmRule
from local_aws.clock import aws_seconds

_EVERY_SECONDS = 60  # an alarm with a longer period is evaluated each minute all the same

Alarm = dict[str, Any]  # in DescribeAlarms' terms

# Alarm ARN, period and periods -> the metric's stored points, the time up to which they were looked at, and how many of
# them, from the first on, were too old then, as they stay. Without it a long load slows every evaluation down.
_scanned: dict[tuple[str, int, int], tuple[list[Any], float, int]] = {}
_evaluated: dict[str, float] = {}  # alarm ARN -> the end of the last period it was evaluated for


def install() -> None:
    """Evaluate alarms as AWS does, and refuse those that cannot be."""
    cloudwatch._evaluate_alarm = evaluate
    put, put_from_template = cloudwatch._put_metric_alarm, cloudwatch.cloudformation_put_metric_alarm

    def checked_put(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        names = ("AlarmName", "MetricName", "ComparisonOperator")
        given = data if is_cbor or is_json else {name: cloudwatch._p(params, name) for name in names}
        try:
            _require_comparable(given)
        except ValueError as error:
            return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
        return put(params, data, is_cbor, is_json)

    def checked_put_from_template(alarm: Alarm) -> None:
        _require_comparable(alarm)
        put_from_template(alarm)

    cloudwatch._put_metric_alarm = checked_put
    cloudwatch.cloudformation_put_metric_alarm = checked_put_from_template


def _require_comparable(alarm: Alarm) -> None:
    if alarm.get("ComparisonOperator") not in COMPARISONS or not alarm.get("MetricName"):
        raise ValueError(
            f"alarm {alarm.get('AlarmName')}: local AWS compares one metric with a fixed threshold; it has no metric "
            "math and no anomaly bands"
        )


def evaluate_due(now: float) -> None:
    """Evaluate the alarms for which a period has ended since the last time."""
    for alarm in list(cloudwatch._alarms.values()):
        end = _end(alarm, now)
        if _evaluated.get(alarm["AlarmArn"]) != end:
            evaluate(alarm, now)
            _evaluated[alarm["AlarmArn"]] = end


def evaluate(alarm: Alarm, now: float | None = None) -> None:
    """Bring the alarm into the state that its datapoints say, with all that a change of state brings about."""
    values = datapoints(alarm, time.time() if now is None else now)
    before = alarm["StateValue"]
    state = rule(alarm).state(values, before)
    if state == before:
        return
    reason = _reason(alarm, values)
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def rule(alarm: Alarm) -> AlarmRule:
    """What its settings ask for."""
    return AlarmRule(
        threshold=alarm["Threshold"],
        comparison=alarm["ComparisonOperator"],
        period=alarm["Period"],
        evaluation_periods=alarm["EvaluationPeriods"],
        datapoints_to_alarm=alarm.get("DatapointsToAlarm") or 0,
        treat_missing=alarm.get("TreatMissingData") or "missing",
    )


def datapoints(alarm: Alarm, now: float) -> list[float | None]:
    """The statistic over each of the periods that the alarm looks at, oldest first; None where there is no data."""
    period, count = alarm["Period"], rule(alarm).evaluation_range
    end = _end(alarm, now)
    dimensions = cloudwatch._dims_key({d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []})
    stored = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    periods: list[list[Any]] = [[] for _ in range(count)]
    key = (alarm["AlarmArn"], period, count)
    past, until, first = _scanned.get(key, (stored, end, 0))
    if past is not stored or end < until:
        first = 0
    too_old = True
    for index in range(first, len(stored)):
        point = stored[index]
        age = math.ceil((end - aws_seconds(point["Timestamp"])) / period) - 1
        too_old = too_old and age >= count
        if too_old:
            first = index + 1
        elif 0 <= age < count and alarm.get("Unit") in (None, point["Unit"]):
            periods[-1 - age].append(point)
    _scanned[key] = (stored, end, first)
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    return [cloudwatch._stat_value(cloudwatch._calc_stats(p), name, p) if p else None for p in periods]


def _end(alarm: Alarm, now: float) -> float:
    """The end of the last period that is over, in AWS's seconds."""
    step = min(alarm["Period"], _EVERY_SECONDS)
    return aws_seconds(now) // step * step


def _reason(alarm: Alarm, values: list[float | None]) -> str:
    recent = [value for value in values if value is not None][-alarm["EvaluationPeriods"] :]
    if not recent:
        return f"No datapoints were received in the last {alarm['EvaluationPeriods']} periods"
    shown = ", ".join(f"{value:g}" for value in reversed(recent[-5:]))
    count = sum(map(rule(alarm).breaches, recent))
    return (
        f"Threshold Crossed: {count} of the last {len(recent)} datapoints ([{shown}, …]) are "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']:g}"
    )
