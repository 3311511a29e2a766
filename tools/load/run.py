"""Modes of a load test: search for the sustained rate, follow a curve, run a fixed number of clients."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tools.load.arrivals import Spacing, arrivals
from tools.load.curve import Curve
from tools.load.endpoint import EndpointUnderTest
from tools.load.engine import Send, TimedCall, closed_loop, open_loop
from tools.load.record import Record
from tools.load.search import SearchStep, failed_early, sustainable
from tools.load.summary import Summary, summarize
from tools.load.watch import Watch
from tools.preflight import NotReady

_ALONE_SECONDS = 3.0
_UPDATE_SECONDS = 0.5
_LATEST = 200  # the progress bar shows the p99 of this many calls


@dataclass
class LoadRun:
    """Load test of one endpoint: measurements go to `record`, progress to `console`."""

    send: Send
    endpoint: EndpointUnderTest
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
        on_step: Callable[[SearchStep], None],
    ) -> list[SearchStep]:
        """Search for the sustained rate; returns all steps, the sustained one last. Rates are of the whole endpoint.

        Raises:
            NotReady: calls fail without load, or instances were added or removed during the search.
            NotSustained: the endpoint did not sustain the lowest rate.
        """
        async with Watch(self.endpoint) as watch:
            self.record.observations = watch.seen
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
                calls: list[TimedCall] = []
                async with self._progress_bar(f"{rate:.2f} requests/s", length, calls):
                    await open_loop(self.send, due, calls=calls, should_abort=failed_early(len(due), limit))
                self.record.add(calls, began)
                if watch.changed_since(began):
                    raise NotReady("instances were added or removed during the search: the rate of one is not known")
                return summarize(calls, length)

            first = 0.25 / unloaded.p50
            return await sustainable(measure, limit=limit, lowest=lowest, highest=highest, first=first, on_step=on_step)

    async def follow(self, curve: Curve, spacing: Spacing, seed: int) -> Summary:
        """Send requests at the curve's rate, open loop.

        Raises:
            NotReady: the curve is so low or short that no request is due.
        """
        due = arrivals(curve, spacing, seed)
        if not len(due):
            raise NotReady("nothing is due: raise the rate or the duration")
        async with Watch(self.endpoint) as watch:
            self.record.observations = watch.seen
            async with self._progress_bar("open loop", curve.duration, self.record.calls):
                await open_loop(self.send, due, calls=self.record.calls)
        return summarize(self.record.calls, curve.duration)

    async def ask(self, concurrency: int, seconds: float) -> Summary:
        """Run `concurrency` closed-loop clients for `seconds`."""
        async with Watch(self.endpoint) as watch:
            self.record.observations = watch.seen
            async with self._progress_bar(f"{concurrency} clients", seconds, self.record.calls):
                await closed_loop(self.send, concurrency=concurrency, seconds=seconds, calls=self.record.calls)
        return summarize(self.record.calls, seconds)

    @asynccontextmanager
    async def _progress_bar(self, name: str, seconds: float, calls: list[TimedCall]) -> AsyncIterator[None]:
        """Progress bar with live latency, on a terminal only."""
        columns = TextColumn("  {task.description}"), BarColumn(20), TextColumn("{task.fields[news]}")
        loop = asyncio.get_running_loop()
        start = loop.time()
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(name, total=seconds, news="")

            async def update() -> None:
                while True:
                    await asyncio.sleep(_UPDATE_SECONDS)
                    latest, failed = calls[-_LATEST:], sum(bool(call.error) for call in calls)
                    if latest:
                        now = summarize(latest, seconds)
                        seen = self.record.observations[-1].instances if self.record.observations else 0
                        news = f"{len(calls)} calls, {failed} failed, p99 {1000 * now.p99:.0f} ms, {seen} instances"
                        bar.update(task, completed=min(seconds, loop.time() - start), news=news)

            updates = asyncio.create_task(update())
            try:
                yield
            finally:
                updates.cancel()
