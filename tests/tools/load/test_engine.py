"""Requests are sent when they are due, and their latency is measured from that time."""

import asyncio

from settings.endpoint import MAX_CONCURRENCY
from tools.load.engine import TimedCall, closed_loop, open_loop
from tools.load.summary import summarize
from tools.load.target import target

from .simulated_time import run
from .stand_in import StandIn


async def stalling(number: int) -> str:
    """A server that stalls for the first 5 s and then answers at once."""
    await asyncio.sleep(max(0.0, 5 - asyncio.get_running_loop().time()))
    return ""


def test_a_stall_is_seen_by_every_request_that_was_due_meanwhile() -> None:
    calls = run(open_loop(stalling, [0, 1, 2, 3, 4, 6]))
    assert sorted(call.latency for call in calls) == [0, 1, 2, 3, 4, 5]


def test_a_closed_loop_keeps_as_many_requests_in_flight_as_asked() -> None:
    calls = run(closed_loop(StandIn(servers=2, service=lambda: 0.5), concurrency=6, seconds=30))
    summary = summarize(calls, 30)
    assert abs(summary.served - 4) < 0.2
    assert abs(summary.concurrency - 6) < 0.3


def test_nothing_more_is_sent_once_the_run_should_abort() -> None:
    server = StandIn(servers=1, service=lambda: 0.1)
    calls = run(open_loop(server, range(100), should_abort=lambda calls: len(calls) >= 3))
    assert len(calls) == 3


def test_failed_calls_are_counted_by_what_went_wrong() -> None:
    calls = [TimedCall(0, 0, 1, ""), TimedCall(1, 1, 2, "503"), TimedCall(2, 2.5, 3, "503")]
    summary = summarize(calls, 3)
    assert (summary.failed, summary.errors["503"]) == (2, 2)
    assert summary.served == 1 / 3
    assert summary.late > 0.4


def test_the_target_is_one_that_an_instance_s_requests_in_flight_can_pass() -> None:
    assert target(rate=400, latency=0.5).concurrency == MAX_CONCURRENCY


def test_the_target_is_half_of_the_rate_in_each_metric_s_unit() -> None:
    aim = target(rate=20, latency=0.25)
    assert aim.invocations == 20 * 0.5 * 60
    assert aim.concurrency == 20 * 0.25 * 0.5
