"""The search finds the rate that queueing theory predicts, in simulated time."""

import math
import random
from collections.abc import Callable

import pytest

from tools.load.arrivals import Spacing, arrivals
from tools.load.curve import Curve
from tools.load.engine import Send, open_loop
from tools.load.search import NotSustained, SearchStep, failed_early, sustainable
from tools.load.summary import Summary, summarize

from .simulated_time import run
from .stand_in import StandIn


def find(
    server: Callable[[], Send], *, limit: float, seconds: float, spacing: Spacing, highest: float = 1e4
) -> list[SearchStep]:
    """Run the search with a fresh server for each step, so that no queue carries over."""

    async def measure(rate: float, longer: float) -> Summary:
        due = arrivals(Curve.constant(rate, longer * seconds), spacing, seed=1)
        return summarize(await open_loop(server(), due, should_abort=failed_early(len(due), limit)), longer * seconds)

    return run(sustainable(measure, limit=limit, lowest=1, highest=highest))


def test_evenly_spaced_requests_are_sustained_up_to_the_capacity() -> None:
    steps = find(lambda: StandIn(servers=4, service=lambda: 0.2), limit=0.5, seconds=60, spacing="constant")
    assert 4 / 0.2 / 1.06 <= steps[-1].rate <= 4 / 0.2 * 1.01


def test_random_requests_are_sustained_as_far_as_the_p99_of_an_m_m_1_queue_says() -> None:
    mean = 0.05
    theory = 1 / mean - math.log(100) / 0.5  # the time in an M/M/1 queue is exponential with rate µ - λ
    draw = random.Random(3)
    steps = find(
        lambda: StandIn(servers=1, service=lambda: draw.expovariate(1 / mean)),
        limit=0.5,
        seconds=300,
        spacing="poisson",
    )
    assert steps[-1].rate == pytest.approx(theory, rel=0.15)


def test_the_rate_found_has_held_for_longer_than_the_other_steps() -> None:
    steps = find(lambda: StandIn(servers=1, service=lambda: 0.1), limit=0.5, seconds=30, spacing="constant")
    assert steps[-1].holds
    assert steps[-1].summary.calls == pytest.approx(3 * 30 * steps[-1].rate, abs=2)


def test_refused_calls_break_a_rate_however_fast_the_others_are() -> None:
    steps = find(lambda: StandIn(servers=1, service=lambda: 0.1, queue=0.5), limit=5, seconds=60, spacing="constant")
    assert steps[-1].rate <= 10.1
    assert any(step.summary.errors["429 ThrottlingException"] for step in steps)


def test_the_highest_rate_ends_the_search() -> None:
    steps = find(lambda: StandIn(servers=9, service=lambda: 0.01), limit=1, seconds=5, spacing="constant", highest=50)
    assert steps[-1].rate == 50


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (lambda: StandIn(servers=1, service=lambda: 2.0), "p99 was .* ms, over the limit of 500 ms"),
        (lambda: StandIn(servers=1, service=lambda: 0.1, queue=0), "calls failed, .* with: 429"),
    ],
    ids=["too slow", "refusing"],
)
def test_no_figure_is_given_when_the_lowest_rate_fails(server: Callable[[], Send], reason: str) -> None:
    with pytest.raises(NotSustained, match=reason):
        find(server, limit=0.5, seconds=20, spacing="constant")
