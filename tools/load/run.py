"""The modes: search for the rate that is sustained; follow a curve; keep clients asking."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tools.load.arrivals import Spacing, arrivals
from tools.load.curve import Curve
from tools.load.endpoint import Endpoint
from tools.load.engine import Call, Send, closed_loop, open_loop
from tools.load.record import Record
from tools.load.search import Step, lost, sustainable
from tools.load.summary import Summary, summarize
from tools.load.watch import Watch
from tools.preflight import NotReady

_ALONE_SECONDS = 3.0
_TELL_SECONDS = 0.5
_LATEST = 200  # calls that the p99 of the progress line is of


@dataclass
class Run:
    """One load on one endpoint: what it does is in `record`, what it shows on `console`."""

    send: Send
    endpoint: Endpoint
    record: Record
    console: Console

    async def search(
        self,
        *,
        limit: float,
        lowest: float,
        highest: float,
        seconds: float,
        spacing: Spacing,
        seed: int,
        on_step: Callable[[Step], None],
    ) -> list[Step]:
        """The steps of the search, the sustained one last; rates are those of the whole endpoint.

        Raises:
            NotReady: calls fail without load, or instances come or go, so that the rate is nobody's.
            NotSustained: not even the lowest rate held.
        """
        async with Watch(self.endpoint) as watch:
            self.record.sightings = watch.seen
            alone = await closed_loop(self.send, concurrency=1, seconds=_ALONE_SECONDS)
            unloaded = summarize(alone, _ALONE_SECONDS)
            if unloaded.failed:
                reason, count = unloaded.errors.most_common(1)[0]
                raise NotReady(f"{count} of {unloaded.calls} calls failed without any other load: {reason}")
            self.record.add(alone, 0)
            self.record.result["service_seconds"] = round(unloaded.p50, 5)

            async def measure(rate: float, longer: float) -> Summary:
                length = longer * seconds
                due = arrivals(Curve.constant(rate, length), spacing, seed)
                if not len(due):
                    raise NotReady(f"nothing is due within {length:g} s at {rate:g} requests a second: raise --step")
                began = watch.now()
                calls: list[Call] = []
                async with self._told(f"{rate:.2f} requests/s", length, calls):
                    await open_loop(self.send, due, calls=calls, enough=lost(len(due), limit))
                self.record.add(calls, began)
                if watch.changed_since(began):
                    raise NotReady("instances were added or removed during the search: the rate of one is not known")
                return summarize(calls, length)

            first = 0.25 / unloaded.p50
            return await sustainable(measure, limit=limit, lowest=lowest, highest=highest, first=first, on_step=on_step)

    async def follow(self, curve: Curve, spacing: Spacing, seed: int) -> Summary:
        """Requests at the curve's rate."""
        due = arrivals(curve, spacing, seed)
        if not len(due):
            raise NotReady("nothing is due: raise the rate or the duration")
        async with Watch(self.endpoint) as watch:
            self.record.sightings = watch.seen
            async with self._told("open loop", curve.duration, self.record.calls):
                await open_loop(self.send, due, calls=self.record.calls)
        return summarize(self.record.calls, curve.duration)

    async def ask(self, concurrency: int, seconds: float) -> Summary:
        """`concurrency` clients that ask again when they are answered."""
        async with Watch(self.endpoint) as watch:
            self.record.sightings = watch.seen
            async with self._told(f"{concurrency} clients", seconds, self.record.calls):
                await closed_loop(self.send, concurrency=concurrency, seconds=seconds, calls=self.record.calls)
        return summarize(self.record.calls, seconds)

    @asynccontextmanager
    async def _told(self, name: str, seconds: float, calls: list[Call]) -> AsyncIterator[None]:
        """On a terminal: how far it is, and how it goes."""
        columns = TextColumn("  {task.description}"), BarColumn(20), TextColumn("{task.fields[news]}")
        loop = asyncio.get_running_loop()
        start = loop.time()
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(name, total=seconds, news="")

            async def tell() -> None:
                while True:
                    await asyncio.sleep(_TELL_SECONDS)
                    latest, failed = calls[-_LATEST:], sum(bool(call.error) for call in calls)
                    if latest:
                        now = summarize(latest, seconds)
                        seen = self.record.sightings[-1].instances if self.record.sightings else 0
                        news = f"{len(calls)} calls, {failed} failed, p99 {1000 * now.p99:.0f} ms, {seen} instances"
                        bar.update(task, completed=min(seconds, loop.time() - start), news=news)

            telling = asyncio.create_task(tell())
            try:
                yield
            finally:
                telling.cancel()
