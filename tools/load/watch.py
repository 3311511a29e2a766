"""How many instances the endpoint has, asked while it is under load."""

import asyncio
from dataclasses import dataclass
from types import TracebackType

from botocore.exceptions import BotoCoreError, ClientError

from tools.load.endpoint import Endpoint
from tools.preflight import NotReady

_SECONDS = 1.0


@dataclass(frozen=True)
class Sighting:
    """`seconds` since the watch began; `instances` serve, `desired` are to."""

    seconds: float
    instances: int
    desired: int


class Watch:
    """While entered, asks each second; `seen` is what it saw, oldest first."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.seen: list[Sighting] = []

    async def __aenter__(self) -> "Watch":
        self._start = asyncio.get_running_loop().time()
        await self._look()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        if kind is None:
            await self._look()

    def now(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self._start

    def changed_since(self, seconds: float) -> bool:
        """Whether instances came or went, or were about to, since that second of the watch."""
        last = [sighting for sighting in self.seen if sighting.seconds >= seconds]
        return len({count for sighting in last for count in (sighting.instances, sighting.desired)}) > 1

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            try:
                await self._look()
            except (BotoCoreError, ClientError, NotReady):
                continue  # throttled or away for a moment: the calls tell whether the endpoint is

    async def _look(self) -> None:
        state = await asyncio.to_thread(self._endpoint.state)
        self.seen.append(Sighting(round(self.now(), 3), state.instances, state.desired))
