"""Evaluates CloudWatch metric alarms as AWS does: each period, also without new data, with missing data treated.

MiniStack evaluates an alarm only when data is put, over all data since the start of the first period and over every
dimension of the metric. Source: "Alarm evaluation", Amazon CloudWatch User Guide.
"""

import math
import time
from typing import Any

from ministack.services import cloudwatch

from aws.alarm import COMPARISONS, AlarmRule
from local_aws.clock import aws_seconds

_EVERY_SECONDS = 60  # AWS evaluates an alarm with a longer period every minute, too

Alarm = dict[str, Any]  # as returned by DescribeAlarms

# (alarm ARN, period, number of periods) -> (stored points of the metric, end of the last scan, number of leading points
# that were too old then and stay so). Without this cache, evaluations slow down as points accumulate.
_scanned: dict[tuple[str, int, int], tuple[list[Any], float, int]] = {}
_evaluated: dict[str, float] = {}  # alarm ARN -> end of the last period for which it was evaluated


def install() -> None:
    """Evaluate alarms as AWS does, and refuse alarms that local AWS cannot evaluate."""
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
            f"alarm {alarm.get('AlarmName')}: local AWS supports one metric with a fixed threshold, no metric math "
            "and no anomaly detection"
        )


def evaluate_due(now: float) -> None:
    """Evaluate every alarm for which a period has ended since its last evaluation; `now` is in epoch seconds."""
    for alarm in list(cloudwatch._alarms.values()):
        end = _end(alarm, now)
        if _evaluated.get(alarm["AlarmArn"]) != end:
            evaluate(alarm, now)
            _evaluated[alarm["AlarmArn"]] = end


def evaluate(alarm: Alarm, now: float | None = None) -> None:
    """Set the alarm's state from its datapoints; a change is recorded and triggers actions and composite alarms."""
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
    """Evaluation rule of an alarm, from its settings."""
    return AlarmRule(
        threshold=alarm["Threshold"],
        comparison=alarm["ComparisonOperator"],
        period=alarm["Period"],
        evaluation_periods=alarm["EvaluationPeriods"],
        datapoints_to_alarm=alarm.get("DatapointsToAlarm") or 0,
        treat_missing=alarm.get("TreatMissingData") or "missing",
    )


def datapoints(alarm: Alarm, now: float) -> list[float | None]:
    """Statistic of each period in the alarm's evaluation range, oldest first; None for a period without data."""
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
    """End of the last complete period, in AWS seconds (local_aws.clock)."""
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
