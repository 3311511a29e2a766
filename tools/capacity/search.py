"""Search for the cheapest minimum, maximum and target that hold the limits."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from settings.endpoint import MAX_CONCURRENCY
from tools.capacity.instance import InstanceQueue
from tools.capacity.policy import SimulatedPolicy
from tools.capacity.simulation import SimulationResult

UTILIZATIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # instance utilizations for which a target is tried
_REACHED = 0.75  # highest target, as a share of what the server lets in
_TARGETS = {"concurrency": (0.5, MAX_CONCURRENCY), "invocations": (1.0, 1e6)}  # minimum and maximum of the settings

Simulate = Callable[[SimulatedPolicy], SimulationResult]


@dataclass(frozen=True)
class ServiceLimits:
    """Limits a policy must hold: p99 latency in seconds and share of dropped requests."""

    p99: float
    dropped: float

    def hold(self, outcome: SimulationResult) -> bool:
        return outcome.p99 <= self.p99 and outcome.dropped_share <= self.dropped


def search(
    simulate: Simulate,
    current: SimulatedPolicy,
    instance: InstanceQueue,
    *,
    limits: ServiceLimits,
    max_instances: int,
    hours: float,
) -> Iterator[SimulationResult]:
    """Yield the result of each policy tried, of up to `max_instances` instances, for traffic that lasts `hours`.

    Metric and cool-downs are those of `current`; scheduled changes are left out. A higher target or a lower maximum
    does worse, so after a policy that does not hold, those beyond it are skipped. Minimums dearer than the cheapest
    valid policy are skipped, too.
    """
    cheapest_hours = math.inf
    for minimum in range(1, max_instances + 1):
        if minimum * hours >= cheapest_hours:
            return
        for target in targets(current, instance):
            outcome = simulate(replace(current, minimum=minimum, maximum=max_instances, target=target, changes=()))
            yield outcome
            if not limits.hold(outcome):
                break
            for fewer in _fewer(simulate, outcome):
                yield fewer
                if not limits.hold(fewer):
                    break
                outcome = fewer
            cheapest_hours = min(cheapest_hours, outcome.instance_hours)


def targets(current: SimulatedPolicy, instance: InstanceQueue) -> list[float]:
    """Targets to try, ascending: the value of the metric at each of UTILIZATIONS.

    Requests in flight cannot pass what the server lets in, and a target near that would never scale out.
    """
    values = {
        "concurrency": [round(instance.in_flight(share), 2) for share in UTILIZATIONS],
        "invocations": [round(60 * share * instance.rate, 1) for share in UTILIZATIONS],
    }[current.metric]
    low, high = _TARGETS[current.metric]
    if current.metric == "concurrency":
        high = min(high, max(low, round(_REACHED * instance.max_in_flight, 2)))
    return sorted({min(max(value, low), high) for value in values})


def _fewer(simulate: Simulate, outcome: SimulationResult) -> Iterator[SimulationResult]:
    """Yield results for ever lower maximums, beginning with the number of instances that was reached."""
    policy = outcome.policy
    if outcome.max_instances < policy.maximum:
        yield replace(outcome, policy=replace(policy, maximum=outcome.max_instances))  # not reached: same result
    for maximum in range(outcome.max_instances - 1, policy.minimum - 1, -1):
        yield simulate(replace(policy, maximum=maximum))


def pareto(outcomes: list[SimulationResult], limits: ServiceLimits) -> list[SimulationResult]:
    """Pareto-optimal results in cost and p99 among those within the limit of dropped requests, cheapest first."""
    kept: list[SimulationResult] = []
    for outcome in sorted(outcomes, key=_order):
        if outcome.dropped_share <= limits.dropped and (not kept or outcome.p99 < kept[-1].p99):
            kept.append(outcome)
    return kept


def cheapest(outcomes: list[SimulationResult], limits: ServiceLimits) -> SimulationResult | None:
    """Cheapest result that holds the limits, the fastest of equally cheap ones; None if none holds."""
    return min((outcome for outcome in outcomes if limits.hold(outcome)), key=_order, default=None)


def _order(outcome: SimulationResult) -> tuple[float, ...]:
    policy = outcome.policy
    return outcome.instance_hours, outcome.p99, policy.maximum, policy.minimum, policy.target
