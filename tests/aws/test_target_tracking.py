"""Capacity follows a metric: two alarms, proportion, cool-downs, limits."""

from collections.abc import Iterable
from typing import Any

from aws.target_tracking import HIGH_RESOLUTION, TargetTracking


def policy(**changes: Any) -> TargetTracking:
    defaults: dict[str, Any] = {
        "target": 4,
        "minimum": 1,
        "maximum": 10,
        "scale_out_cooldown": 120,
        "scale_in_cooldown": 300,
        "metric_period": HIGH_RESOLUTION,
    }
    return TargetTracking(**{**defaults, **changes})


def follow(tracking: TargetTracking, values: Iterable[float | None], current: int = 1, time: float = 0) -> list[int]:
    """Capacity after each datapoint; what is decided is there at once."""
    capacities = []
    for value in values:
        time += tracking.high.period
        tracking.observe(time, value)
        wanted = tracking.decide(time, current)
        if wanted != current:
            tracking.completed(time)
        current = wanted
        capacities.append(current)
    return capacities


def test_three_datapoints_over_the_target_scale_out_in_proportion() -> None:
    assert follow(policy(), [9, 9, 9]) == [1, 1, 3]
    assert follow(policy(), [9, 3, 9, 9, 5]) == [1, 1, 1, 1, 2]  # by the last datapoint: 5 / 4, rounded up


def test_at_the_target_nothing_is_done() -> None:
    assert set(follow(policy(), [4] * 200, current=3)) == {3}


def test_fifteen_minutes_under_nine_tenths_of_the_target_scale_in_rounded_up() -> None:
    capacities = follow(policy(), [1.5] * 91, current=8)
    assert capacities[88:90] == [8, 3]  # 90 datapoints; 8 × 1.5 / 4 = 3

    assert set(follow(policy(), [3.7] * 200, current=8)) == {8}  # within the margin


def test_a_metric_of_one_minute_takes_three_and_fifteen_minutes() -> None:
    minutes = policy(metric_period=60)
    assert (minutes.high.evaluation_periods, minutes.low.evaluation_periods) == (3, 15)
    assert follow(minutes, [9, 9, 9]) == [1, 1, 3]


def test_without_traffic_it_ends_at_the_minimum_and_goes_no_further() -> None:
    assert follow(policy(minimum=2), [0] * 200, current=6)[-1] == 2


def test_it_never_goes_over_the_maximum() -> None:
    assert follow(policy(maximum=5), [400] * 40)[-1] == 5


def test_capacity_outside_limits_that_have_changed_is_brought_within() -> None:
    assert follow(policy(minimum=3), [4], current=1) == [3]
    assert follow(policy(maximum=3), [4], current=9) == [3]


def test_scaling_in_can_be_switched_off() -> None:
    assert set(follow(policy(disable_scale_in=True), [0] * 200, current=6)) == {6}


def test_within_the_cool_down_only_more_than_what_was_added_is_added() -> None:
    same = follow(policy(scale_out_cooldown=600), [8] * 30)
    assert same[2:] == [2] * 28  # 1 × 8 / 4 = 2 is there already, though each of the two still has 8

    more = follow(policy(scale_out_cooldown=600), [8] * 8 + [20] * 10)
    assert more[7:9] == [2, 5]  # an alarm calls again after a minute: 1 × 20 / 4


def test_after_the_cool_down_it_adds_again() -> None:
    assert follow(policy(scale_out_cooldown=0), [8] * 9)[2:] == [2, 2, 2, 2, 2, 2, 4]


def test_scaling_in_waits_for_its_cool_down() -> None:
    capacities = follow(policy(), [3] * 89 + [3, *[1.5] * 40], current=8)
    assert capacities[89] == 6
    assert capacities[90:119] == [6] * 29  # 300 s
    assert 3 in capacities[119:]


def test_scaling_out_does_not_wait_for_the_cool_down_of_scaling_in() -> None:
    tracking = policy(scale_in_cooldown=3600)
    assert follow(tracking, [1.5] * 90, current=8)[-1] == 3
    assert follow(tracking, [8] * 3, current=3, time=900)[-1] == 6


def test_nothing_else_is_decided_while_an_activity_lasts_and_a_failed_one_starts_no_cool_down() -> None:
    tracking = policy(scale_out_cooldown=600)
    for time in (10, 20, 30):
        tracking.observe(time, 8)
    assert tracking.decide(30, 1) == 2
    tracking.observe(40, 40)
    assert tracking.decide(40, 1) == 2
    tracking.completed(90, succeeded=False)
    assert tracking.decide(90, 1) == 10


def test_without_a_datapoint_nothing_is_decided() -> None:
    assert follow(policy(), [None] * 200, current=3) == [3] * 200
