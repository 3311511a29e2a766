"""The load tests of the live endpoint that `make load` has recorded on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.load.record import Record
from tools.load.summary import Summary, summarize
from tools.report.absent import Missing
from tools.report.chart import LineChart, line_chart

_TITLES = {
    "search": "The highest rate that one instance sustains",
    "rate": "A steady rate",
    "trace": "A curve of rates",
    "concurrency": "Clients that wait for their answers",
}


@dataclass(frozen=True)
class LoadTest:
    """One load test of the live endpoint: its record, totals and charts."""

    title: str
    record: Record
    when: datetime
    summary: Summary
    charts: tuple[LineChart, ...]


def load_tests(folder: Path, endpoint: str, words: str) -> list[LoadTest]:
    """The load tests of this endpoint, newest first.

    Args:
        endpoint: its name; "" while it is off.
        words: what names the deployment to a make target.

    Raises:
        Missing: there are none.
    """
    if not endpoint:
        raise Missing("load tests are shown of an endpoint that is on", f"make wake{words}")
    tests = sorted(_tests(folder, endpoint), key=lambda test: test.when, reverse=True)
    if not tests:
        raise Missing(f"no load test of {endpoint} is recorded in {folder}", f"make load{words}")
    return tests


def _tests(folder: Path, endpoint: str) -> Iterator[LoadTest]:
    for path in folder.glob("*.json"):
        try:
            record = Record.read(path)
        except (ValueError, KeyError, TypeError):
            continue  # another tool's file
        if record.endpoint == endpoint and record.mode in _TITLES and record.calls:
            when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            seconds = max(call.due for call in record.calls) or 1
            charts = tuple(_charts(record))
            yield LoadTest(_TITLES[record.mode], record, when, summarize(record.calls, seconds), charts)


def _charts(record: Record) -> Iterator[LineChart]:
    bins = record.over_time()
    rates = {"offered": "offered", "served": "served", "failed": "failed"}
    if not any(part.failed for part in bins):
        del rates["failed"]
    lines = {name: [(part.second, getattr(part, name)) for part in bins] for name in rates}
    yield line_chart("Load", "seconds", "requests/s", lines)
    latencies = {name: [(part.second, 1000 * getattr(part, name)) for part in bins] for name in ("p50", "p99")}
    yield line_chart("Latency", "seconds", "ms", latencies)
