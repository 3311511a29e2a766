"""A server of known capacity: `servers` in parallel, first come first served."""

import asyncio
from collections.abc import Callable


class StandIn:
    """Answers after `service()` seconds on a free server; refuses a request that finds `queue` requests waiting."""

    def __init__(self, *, servers: int, service: Callable[[], float], queue: float = float("inf")) -> None:
        self._free = asyncio.Semaphore(servers)
        self._service, self._queue, self._waiting = service, queue, 0

    async def __call__(self, number: int) -> str:
        if self._waiting >= self._queue:
            return "429 ThrottlingException"
        self._waiting += 1
        async with self._free:
            self._waiting -= 1
            await asyncio.sleep(self._service())
        return ""
