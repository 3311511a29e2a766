"""Simulation of traffic under a policy: instances added and removed, cost, dropped requests."""

from dataclasses import replace

import numpy as np
import pytest

from aws.schedule import Schedule
from serving.admission import MAX_WAIT
from tools.capacity.instance import InstanceQueue
from tools.capacity.policy import Change, Metric, SimulatedPolicy
from tools.capacity.simulation import SimulationResult, simulate
from tools.capacity.traces import BUILT_IN
from tools.load.curve import Curve

INSTANCE = InstanceQueue.measured(10, 0.1)
POLICY = SimulatedPolicy("concurrency", 1.0, minimum=1, maximum=4, scale_out_cooldown=30, scale_in_cooldown=60)


def step(low: float, high: float) -> Curve:
    """One hour at `low` requests a second, but `high` from minute 10 to 30."""
    return Curve(np.array([0.0, 600, 600, 1800, 1800, 3600]), np.array([low, low, high, high, low, low]))


def run(curve: Curve, policy: SimulatedPolicy = POLICY, start_seconds: float = 120, seed: int = 0) -> SimulationResult:
    return simulate(curve, policy, INSTANCE, start_seconds=start_seconds, seed=seed)


def when(outcome: SimulationResult, instances: int) -> float:
    """Second at which this number of instances first serves."""
    return float(outcome.second[np.argmax(outcome.serving >= instances)])


def test_a_load_under_the_target_keeps_the_minimum() -> None:
    outcome = run(step(2, 4))
    assert (outcome.serving == 1).all()
    assert outcome.instance_hours == pytest.approx(1)


@pytest.mark.parametrize("metric", ["concurrency", "invocations"])
def test_instances_serve_their_starting_time_after_the_metric_s_third_breach(metric: Metric) -> None:
    policy = replace(POLICY, metric=metric, target=1.0 if metric == "concurrency" else 300)
    first = when(run(step(2, 18), policy, start_seconds=240), 2)
    assert first == pytest.approx(600 + 3 * policy.period + 240, abs=policy.period)


def test_instances_are_paid_for_while_they_start() -> None:
    outcome = run(step(2, 18), start_seconds=240)
    starting = (outcome.paid - outcome.serving) * 12 / 3600  # hours of each part, 12 s long
    assert starting.sum() > 240 / 3600
    assert outcome.instance_hours > (outcome.serving * 12 / 3600).sum()


def test_instances_leave_after_a_quarter_of_an_hour_of_low_load() -> None:
    outcome = run(step(2, 18), replace(POLICY, maximum=2))
    leaving = outcome.second[np.nonzero(np.diff(outcome.serving) < 0)[0]]
    assert leaving[0] == pytest.approx(1800 + 15 * 60, abs=60)
    assert outcome.serving[-1] == 1


def test_neither_limit_of_the_policy_is_passed() -> None:
    outcome = run(step(2, 500), replace(POLICY, minimum=2))
    assert (outcome.serving.min(), outcome.serving.max(), outcome.max_instances) == (2, 4, 4)


def test_every_request_is_served_or_dropped() -> None:
    curve = step(2, 100)
    outcome = run(curve)
    assert outcome.requests == pytest.approx(float(curve.requests(np.array([3600.0]))[0]), rel=0.01)
    assert 0.5 < outcome.dropped_share < 1
    # The server refuses requests that would wait longer.
    assert outcome.p99 == pytest.approx(MAX_WAIT + INSTANCE.latency, rel=0.05)


def test_a_flash_crowd_is_refused_until_instances_have_come_as_its_callers_would_see() -> None:
    """A queue bounded by SageMaker's timeout of 60 s alone would hold 590 requests an instance more."""
    outcome = run(step(2, 30), replace(POLICY, maximum=4), start_seconds=120)
    crowd = (outcome.second >= 610) & (outcome.second < 700)
    assert outcome.dropped_rate[crowd].mean() == pytest.approx(30 - 10, rel=0.1)
    assert outcome.dropped_rate[outcome.second > 1200].mean() < 0.01 * 30


def test_the_same_seed_gives_the_same_outcome() -> None:
    first, again, other = run(step(2, 18)), run(step(2, 18)), run(step(2, 18), seed=1)
    assert (first.requests, first.p99, first.serving.tolist()) == (again.requests, again.p99, again.serving.tolist())
    assert first.requests != other.requests


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_traffic_reaches_its_peak_and_never_goes_above(name: str) -> None:
    curve = BUILT_IN[name](50)
    assert curve.rates.max() == pytest.approx(50)
    assert curve.rates.min() >= 5 - 1e-9


def test_limits_change_at_the_scheduled_times() -> None:
    changes = (Change(Schedule.parse("cron(20 0 ? * MON *)"), 3, 4), Change(Schedule.parse("cron(40 0 * * ? *)"), 1, 1))
    outcome = run(step(2, 2), replace(POLICY, changes=changes), start_seconds=60)
    at = dict(zip(outcome.second.tolist(), outcome.serving.tolist(), strict=True))
    assert [at[second] for second in (1080.0, 1320.0, 2280.0, 2520.0)] == [1, 3, 3, 1]
