"""The cheapest minimum, maximum and target that hold the limits."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from settings.endpoint import MOST_CONCURRENCY
from tools.capacity.instance import Instance
from tools.capacity.policy import Policy
from tools.capacity.simulation import Outcome

UTILIZATIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of an instance, that targets are tried for
_TARGETS = {"concurrency": (0.5, MOST_CONCURRENCY), "invocations": (1.0, 1e6)}  # what the settings take, from and to

Simulate = Callable[[Policy], Outcome]


@dataclass(frozen=True)
class Limits:
    """The most that is borne: p99 latency in seconds, and the share of requests dropped."""

    p99: float
    dropped: float

    def hold(self, outcome: Outcome) -> bool:
        return outcome.p99 <= self.p99 and outcome.dropped_share <= self.dropped


def search(
    simulate: Simulate, current: Policy, instance: Instance, *, limits: Limits, most: int, hours: float
) -> Iterator[Outcome]:
    """What each policy tried comes to, up to `most` instances over `hours`; metric and cool-downs are `current`'s,
    and limits do not change by the clock.

    Not every combination is tried. With a higher target, or a lower maximum, a policy does worse: where one does not
    hold, those beyond it are left out. So is a minimum that alone costs as much as the cheapest that holds.
    """
    least = math.inf
    for minimum in range(1, most + 1):
        if minimum * hours >= least:
            return
        for target in targets(current, instance):
            outcome = simulate(replace(current, minimum=minimum, maximum=most, target=target, changes=()))
            yield outcome
            if not limits.hold(outcome):
                break
            for fewer in _fewer(simulate, outcome):
                yield fewer
                if not limits.hold(fewer):
                    break
                outcome = fewer
            least = min(least, outcome.instance_hours)


def targets(current: Policy, instance: Instance) -> list[float]:
    """Targets to try, lowest first: what the metric is at each of the utilizations."""
    values = {
        "concurrency": [round(instance.in_flight(share), 2) for share in UTILIZATIONS],
        "invocations": [round(60 * share * instance.rate, 1) for share in UTILIZATIONS],
    }[current.metric]
    least, most = _TARGETS[current.metric]
    return sorted({min(max(value, least), most) for value in values})


def _fewer(simulate: Simulate, outcome: Outcome) -> Iterator[Outcome]:
    """The same policy with a lower and lower maximum, from the one that is never reached."""
    policy = outcome.policy
    if outcome.most_instances < policy.maximum:
        yield replace(outcome, policy=replace(policy, maximum=outcome.most_instances))  # the same to the last request
    for maximum in range(outcome.most_instances - 1, policy.minimum - 1, -1):
        yield simulate(replace(policy, maximum=maximum))


def pareto(outcomes: list[Outcome], limits: Limits) -> list[Outcome]:
    """Of those that drop few enough, the ones that no other beats in both cost and p99, the cheapest first."""
    kept: list[Outcome] = []
    for outcome in sorted(outcomes, key=_order):
        if outcome.dropped_share <= limits.dropped and (not kept or outcome.p99 < kept[-1].p99):
            kept.append(outcome)
    return kept


def cheapest(outcomes: list[Outcome], limits: Limits) -> Outcome | None:
    """The cheapest that holds; of equally cheap ones the fastest."""
    return min((outcome for outcome in outcomes if limits.hold(outcome)), key=_order, default=None)


def _order(outcome: Outcome) -> tuple[float, ...]:
    policy = outcome.policy
    return outcome.instance_hours, outcome.p99, policy.maximum, policy.minimum, policy.target
