"""The search finds what trying everything would."""

from dataclasses import replace

import numpy as np
import pytest

from serving.protocol import MAX_IN_FLIGHT
from settings.endpoint import MOST_CONCURRENCY
from tools.capacity.instance import Instance
from tools.capacity.policy import Policy
from tools.capacity.search import Limits, cheapest, pareto, search, targets
from tools.capacity.simulation import Outcome, simulate
from tools.load.curve import Curve

INSTANCE = Instance.measured(1, 1)
CURRENT = Policy("concurrency", 4, minimum=1, maximum=3, scale_out_cooldown=30, scale_in_cooldown=60)
CURVE = Curve(np.array([0.0, 600, 900, 1500, 1800, 3000]), np.array([0.2, 0.2, 1.3, 1.3, 0.2, 0.2]))
MOST = 3


def run(policy: Policy) -> Outcome:
    return simulate(CURVE, policy, INSTANCE, start_seconds=60, seed=0)


def found(limits: Limits, current: Policy = CURRENT) -> list[Outcome]:
    return list(search(run, current, INSTANCE, limits=limits, most=MOST, hours=CURVE.duration / 3600))


LIMITS = Limits(p99=8, dropped=0.001)


@pytest.fixture(scope="module")
def tried() -> list[Outcome]:
    return found(LIMITS)


def test_it_is_as_cheap_as_the_cheapest_of_all_combinations(tried: list[Outcome]) -> None:
    all_ = [
        run(replace(CURRENT, minimum=low, maximum=high, target=target))
        for target in targets(CURRENT, INSTANCE)
        for low in range(1, MOST + 1)
        for high in range(low, MOST + 1)
    ]
    best, truly = cheapest(tried, LIMITS), cheapest(all_, LIMITS)
    assert best and truly and LIMITS.hold(best)
    assert best.instance_hours == pytest.approx(truly.instance_hours, rel=0.03)
    assert len(tried) < len(all_) / 2


def test_nothing_is_found_where_nothing_holds() -> None:
    limits = Limits(p99=0.9, dropped=0)  # a request alone takes 1 s
    assert cheapest(found(limits), limits) is None


def test_targets_are_in_the_metric_s_unit() -> None:
    assert max(targets(replace(CURRENT, metric="invocations"), INSTANCE)) == 0.9 * 60
    assert targets(CURRENT, INSTANCE)[-1] == pytest.approx(0.9 + 0.81 / 0.2, abs=0.01)


def test_no_target_is_at_what_the_server_lets_in() -> None:
    """In-flight requests stay under that bound however large the load: such a target is never passed."""
    wide = Instance.measured(1000, 0.2)  # 200 at once
    assert targets(CURRENT, wide)[-1] == MOST_CONCURRENCY
    assert MOST_CONCURRENCY < 0.8 * MAX_IN_FLIGHT


def test_what_is_shown_beside_it_is_dearer_and_faster_each_time(tried: list[Outcome]) -> None:
    front = pareto(tried, LIMITS)
    assert [o.instance_hours for o in front] == sorted(o.instance_hours for o in front)
    assert [o.p99 for o in front] == sorted((o.p99 for o in front), reverse=True)
    assert all(outcome.dropped_share <= LIMITS.dropped for outcome in front)
