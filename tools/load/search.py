"""Search for the highest sustained rate: every call answered, and the p99 latency within the limit."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tools.load.engine import TimedCall
from tools.load.summary import Summary
from training.errors import ReportedError

PRECISION = 1.05  # maximum ratio of the lowest rate that failed to the rate found
_LONGER = 3  # the confirming step is this many times longer than the others
_RETREAT = 0.9  # factor to the next lower rate when a confirmation fails


@dataclass(frozen=True)
class SearchStep:
    """One step of the search: the calls at `rate` requests a second, and whether the rate was sustained."""

    rate: float
    summary: Summary
    holds: bool


Measure = Callable[[float, float], Awaitable[Summary]]
"""Sends at a rate (first argument, requests a second) for a multiple (second argument) of the usual step length."""


def failed_early(planned: int, limit: float) -> Callable[[list[TimedCall]], bool]:
    """Predicate for aborting a step of `planned` calls: a call failed, or over 1 % took more than `limit` seconds.

    Such a step cannot hold any more. Aborting it keeps the queue short that the next step has to wait for.
    """
    seen = slow = 0

    def should_abort(calls: list[TimedCall]) -> bool:
        nonlocal seen, slow
        new, seen = calls[seen:], len(calls)
        slow += sum(call.latency > limit for call in new)
        return slow > planned / 100 or any(call.error for call in new)

    return should_abort


class NotSustained(ReportedError):
    """The endpoint did not sustain even the lowest rate."""


async def sustainable(
    measure: Measure,
    *,
    limit: float,
    lowest: float,
    highest: float,
    first: float | None = None,
    on_step: Callable[[SearchStep], None] = lambda _: None,
) -> list[SearchStep]:
    """Search by doubling the rate until it fails, then bisecting; returns all steps, the sustained one last.

    A step holds when no call fails and p99 is within `limit` seconds. The result is confirmed by a step three times as
    long as the others. The search starts at the rate `first`, or at `lowest` without it.

    Raises:
        NotSustained: no rate of `lowest` or more held.
    """
    steps: list[SearchStep] = []

    async def holds(rate: float, longer: float = 1) -> bool:
        summary = await measure(rate, longer)
        steps.append(SearchStep(rate, summary, not summary.failed and summary.p99 <= limit))
        on_step(steps[-1])
        return steps[-1].holds

    good, broken = 0.0, math.inf
    rate = min(max(first or lowest, lowest), highest)
    while True:
        if await holds(rate):
            good = rate
        else:
            broken = rate
        if good >= highest or broken <= lowest or (good and broken <= PRECISION * good):
            break
        if not good:
            rate = max(lowest, broken / 2)
        elif broken == math.inf:
            rate = min(highest, 2 * good)
        else:
            rate = math.sqrt(good * broken)
    while good >= lowest:
        if await holds(good, _LONGER):
            return steps
        good *= _RETREAT
    raise NotSustained(_why(steps, limit, lowest))


def _why(steps: list[SearchStep], limit: float, lowest: float) -> str:
    """Reason why the lowest rate failed, as a sentence."""
    last = steps[-1].summary
    if last.failed:
        reason, count = last.errors.most_common(1)[0]
        problem = f"{last.failed} of {last.calls} calls failed, {count} with: {reason}"
    else:
        problem = f"p99 was {1000 * last.p99:.0f} ms, over the limit of {1000 * limit:.0f} ms"
    return f"no rate from {lowest:g} requests a second up was sustained: at {steps[-1].rate:.3g}, {problem}"
