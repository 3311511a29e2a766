"""Sends requests and times them. The clock is the event loop's, so a test can run hours in simulated time.

Open loop: each request is sent when it is due, whether or not earlier ones are answered, and its latency counts from
when it was due. A server that stalls is then seen stalling by every request that came meanwhile; a client that waits
for an answer before it asks again would not have sent them ("coordinated omission").
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

Send = Callable[[int], Awaitable[str]]
"""Sends request number n; returns "" when it was answered well, else what went wrong in a few words."""


class Call(NamedTuple):
    """One request; seconds from the start of the run."""

    due: float
    sent: float
    ended: float
    error: str

    @property
    def latency(self) -> float:
        """What the caller waited, in seconds."""
        return self.ended - self.due


def _never(calls: list[Call]) -> bool:
    return False


async def open_loop(
    send: Send, due: Iterable[float], *, calls: list[Call] | None = None, enough: Callable[[list[Call]], bool] = _never
) -> list[Call]:
    """Send a request at each second of `due`, rising, and wait for all answers; the calls in the order they ended.

    They are added to `calls` as they end; nothing more is sent once `enough(calls)`.
    """
    loop, done = asyncio.get_running_loop(), [] if calls is None else calls
    start = loop.time()

    async def one(number: int, at: float) -> None:
        sent = loop.time() - start
        error = await send(number)
        done.append(Call(at, sent, loop.time() - start, error))

    async with asyncio.TaskGroup() as running:
        for number, at in enumerate(due):
            await asyncio.sleep(max(0.0, start + at - loop.time()))
            if enough(done):
                break
            running.create_task(one(number, at))
    return done


async def closed_loop(send: Send, *, concurrency: int, seconds: float, calls: list[Call] | None = None) -> list[Call]:
    """`concurrency` clients for `seconds`, each of which asks again when it is answered."""
    loop, done = asyncio.get_running_loop(), [] if calls is None else calls
    start = loop.time()

    async def client(number: int) -> None:
        while (sent := loop.time() - start) < seconds:
            error = await send(number)
            done.append(Call(sent, sent, loop.time() - start, error))
            number += concurrency

    async with asyncio.TaskGroup() as running:
        for number in range(concurrency):
            running.create_task(client(number))
    return done
