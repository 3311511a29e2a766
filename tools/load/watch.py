"""Polls the number of instances of the endpoint during a load test."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tools.load.endpoint import EndpointUnderTest
from tools.preflight import NotReady

_SECONDS = 1.0


@dataclass(frozen=True)
class Observation:
    """Instance counts at `seconds` after the watch began: `instances` in service, `desired` wanted."""

    seconds: float
    instances: int
    desired: int


class Watch:
    """Context manager that polls the endpoint each second; `seen` holds the results, oldest first."""

    def __init__(self, endpoint: EndpointUnderTest) -> None:
        self._endpoint = endpoint
        self.seen: list[Observation] = []

    async def __aenter__(self) -> "Watch":
        self._start = asyncio.get_running_loop().time()
        await self._look()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        self._task.cancel()
        if kind is None:
            await self._try_to_look()

    def now(self) -> float:
        """Seconds since the watch began."""
        return asyncio.get_running_loop().time() - self._start

    def changed_since(self, seconds: float) -> bool:
        """True if the current or desired instance count changed since that second of the watch."""
        last = [observation for observation in self.seen if observation.seconds >= seconds]
        return len({count for observation in last for count in (observation.instances, observation.desired)}) > 1

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        with suppress(BotoCoreError, ClientError, NotReady):  # throttled or unreachable; the calls show what is down
            await self._look()

    async def _look(self) -> None:
        state = await asyncio.to_thread(self._endpoint.state)
        self.seen.append(Observation(round(self.now(), 3), state.instances, state.desired))
