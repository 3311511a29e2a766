"""The highest rate that is sustained: every call answered, and the p99 latency within the limit."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tools.load.engine import Call
from tools.load.summary import Summary

PRECISION = 1.05  # the rate found and the lowest that broke are no further apart
_LONGER = 3  # how many times longer the confirming step is
_RETREAT = 0.9  # the next rate to confirm where one is not


@dataclass(frozen=True)
class Step:
    """Calls at one `rate`, requests a second."""

    rate: float
    summary: Summary
    holds: bool


Measure = Callable[[float, float], Awaitable[Summary]]
"""Sends at a rate (requests a second) for so many times the usual seconds."""


def lost(planned: int, limit: float) -> Callable[[list[Call]], bool]:
    """Whether a step of `planned` calls is lost already: one failed, or more than 1 % took over `limit` seconds.

    Sending more would only lengthen the queue that the next step has to wait for.
    """
    seen = slow = 0

    def enough(calls: list[Call]) -> bool:
        nonlocal seen, slow
        new, seen = calls[seen:], len(calls)
        slow += sum(call.latency > limit for call in new)
        return slow > planned / 100 or any(call.error for call in new)

    return enough


class NotSustained(Exception):
    """Not even the lowest rate was sustained."""


async def sustainable(
    measure: Measure,
    *,
    limit: float,
    lowest: float,
    highest: float,
    first: float | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> list[Step]:
    """Every step taken, the sustained one last: the rate doubles until it breaks, then the gap is halved.

    A step holds when no call failed and p99 is within `limit` seconds. The rate found has held for three times as
    long as the other steps. The first rate tried is `first`, or else `lowest`.

    Raises:
        NotSustained: no rate of `lowest` or more held.
    """
    steps: list[Step] = []

    async def holds(rate: float, longer: float = 1) -> bool:
        summary = await measure(rate, longer)
        steps.append(Step(rate, summary, not summary.failed and summary.p99 <= limit))
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


def _why(steps: list[Step], limit: float, lowest: float) -> str:
    """The lowest rate's failure in a sentence."""
    last = steps[-1].summary
    if last.failed:
        reason, count = last.errors.most_common(1)[0]
        problem = f"{last.failed} of {last.calls} calls failed, {count} with: {reason}"
    else:
        problem = f"p99 was {1000 * last.p99:.0f} ms, over the limit of {1000 * limit:.0f} ms"
    return f"no rate from {lowest:g} requests a second up was sustained: at {steps[-1].rate:.3g}, {problem}"
