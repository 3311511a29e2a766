"""The search finds the policy that an exhaustive search finds."""

from dataclasses import replace

import numpy as np
import pytest

from serving.admission import MAX_IN_FLIGHT
from settings.endpoint import MAX_CONCURRENCY
from tools.capacity.instance import InstanceQueue
from tools.capacity.policy import SimulatedPolicy
from tools.capacity.search import ServiceLimits, cheapest, pareto, search, targets
from tools.capacity.simulation import SimulationResult, simulate
from tools.load.curve import Curve

INSTANCE = InstanceQueue.measured(1, 1, queue=60)
CURRENT = SimulatedPolicy("concurrency", 4, minimum=1, maximum=3, scale_out_cooldown=30, scale_in_cooldown=60)
CURVE = Curve(np.array([0.0, 600, 900, 1500, 1800, 3000]), np.array([0.2, 0.2, 1.3, 1.3, 0.2, 0.2]))
MAX_INSTANCES = 3


def run(policy: SimulatedPolicy) -> SimulationResult:
    return simulate(CURVE, policy, INSTANCE, start_seconds=60, seed=0)


def found(limits: ServiceLimits, current: SimulatedPolicy = CURRENT) -> list[SimulationResult]:
    return list(search(run, current, INSTANCE, limits=limits, max_instances=MAX_INSTANCES, hours=CURVE.duration / 3600))


LIMITS = ServiceLimits(p99=8, dropped=0.001)


@pytest.fixture(scope="module")
def tried() -> list[SimulationResult]:
    return found(LIMITS)


def test_it_is_as_cheap_as_the_cheapest_of_all_combinations(tried: list[SimulationResult]) -> None:
    all_ = [
        run(replace(CURRENT, minimum=low, maximum=high, target=target))
        for target in targets(CURRENT, INSTANCE)
        for low in range(1, MAX_INSTANCES + 1)
        for high in range(low, MAX_INSTANCES + 1)
    ]
    best, truly = cheapest(tried, LIMITS), cheapest(all_, LIMITS)
    assert best and truly and LIMITS.hold(best)
    assert best.instance_hours == pytest.approx(truly.instance_hours, rel=0.03)
    assert len(tried) < len(all_) / 2


def test_nothing_is_found_where_nothing_holds() -> None:
    limits = ServiceLimits(p99=0.9, dropped=0)  # a request alone takes 1 s
    assert cheapest(found(limits), limits) is None


def test_targets_are_in_the_metric_s_unit() -> None:
    assert max(targets(replace(CURRENT, metric="invocations"), INSTANCE)) == 0.9 * 60
    assert targets(CURRENT, INSTANCE)[-1] == pytest.approx(0.9 + 0.81 / 0.2, abs=0.01)


def test_no_target_is_at_what_the_server_lets_in() -> None:
    """Requests in flight never exceed the server's limit, so a target at that limit would never scale out."""
    wide = InstanceQueue.measured(1000, 0.2)  # 200 servers
    assert targets(CURRENT, wide)[-1] == MAX_CONCURRENCY
    assert MAX_CONCURRENCY < 0.8 * MAX_IN_FLIGHT
    slow = InstanceQueue.measured(1, 1)  # lets two in
    assert targets(CURRENT, slow)[-1] == 1.5


def test_what_is_shown_beside_it_is_dearer_and_faster_each_time(tried: list[SimulationResult]) -> None:
    front = pareto(tried, LIMITS)
    assert [o.instance_hours for o in front] == sorted(o.instance_hours for o in front)
    assert [o.p99 for o in front] == sorted((o.p99 for o in front), reverse=True)
    assert all(outcome.dropped_share <= LIMITS.dropped for outcome in front)
