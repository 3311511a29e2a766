"""Sends requests and measures their latency, by the event loop's clock, so that a test can simulate hours.

Open loop: each request is sent when it is due, whether or not earlier ones are answered, and its latency is measured
from that time. Every request due during a server's stall therefore shows the stall. A closed-loop client, which waits
for its answer, would not send those requests and hides the stall ("coordinated omission").
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

Send = Callable[[int], Awaitable[str]]
"""Sends request number n; returns "" on success, else a short reason."""


class TimedCall(NamedTuple):
    """Times of one request, in seconds from the start of the run; `error` is "" on success."""

    due: float
    sent: float
    ended: float
    error: str

    @property
    def latency(self) -> float:
        """Seconds from the time the request was due to its answer."""
        return self.ended - self.due


def _never(calls: list[TimedCall]) -> bool:
    return False


async def open_loop(
    send: Send,
    due: Iterable[float],
    *,
    calls: list[TimedCall] | None = None,
    should_abort: Callable[[list[TimedCall]], bool] = _never,
) -> list[TimedCall]:
    """Send a request at each second in `due` (ascending) and wait for all answers.

    Returns the calls in the order in which they ended. Each is added to `calls` as it ends. Sending stops as soon as
    `should_abort(calls)` is true.
    """
    loop, done = asyncio.get_running_loop(), [] if calls is None else calls
    start = loop.time()

    async def one(number: int, at: float) -> None:
        sent = loop.time() - start
        error = await send(number)
        done.append(TimedCall(at, sent, loop.time() - start, error))

    async with asyncio.TaskGroup() as running:
        for number, at in enumerate(due):
            await asyncio.sleep(max(0.0, start + at - loop.time()))
            if should_abort(done):
                break
            running.create_task(one(number, at))
    return done


async def closed_loop(
    send: Send, *, concurrency: int, seconds: float, calls: list[TimedCall] | None = None
) -> list[TimedCall]:
    """Run `concurrency` clients for `seconds`; each sends its next request when the last one is answered."""
    loop, done = asyncio.get_running_loop(), [] if calls is None else calls
    start = loop.time()

    async def client(number: int) -> None:
        while (sent := loop.time() - start) < seconds:
            error = await send(number)
            done.append(TimedCall(sent, sent, loop.time() - start, error))
            number += concurrency

    async with asyncio.TaskGroup() as running:
        for number in range(concurrency):
            running.create_task(client(number))
    return done
