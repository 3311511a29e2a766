"""Terminal output of a load test."""

from rich.console import Console
from rich.table import Table

from settings import Settings
from tools.deployment import deployment
from tools.load.record import Record
from tools.load.search import SearchStep
from tools.load.summary import Summary
from tools.load.target import SAFETY, TrackingTarget

_ROWS = 20


def show_step(console: Console, step: SearchStep) -> None:
    """Print one line for a step of the search when it ends."""
    mark = "[green]holds[/green]" if step.holds else "[red]breaks[/red]"
    console.print(f"  {step.rate:8.2f} requests/s  {_latency(step.summary)}  {mark}{_failed(step.summary)}")


def show_sustained(
    console: Console, record: Record, found: SearchStep, aim: TrackingTarget, settings: Settings
) -> None:
    """Print the sustained rate and the scaling settings that follow from it."""
    rate, limit = record.result["rate"], record.options["limit_seconds"]
    console.print(
        f"\nOne {record.instance_type} sustains [bold]{rate:.1f} requests/s[/bold] with p99 "
        f"{1000 * found.summary.p99:.0f} ms (limit {1000 * limit:.0f} ms), "
        f"{found.summary.mean * rate:.1f} requests in flight."
    )
    if found.rate >= record.options["highest"]:
        console.print("This is the highest rate tried; the instance may sustain more (--highest).")
    if found.summary.late > limit / 10:
        console.print(
            f"[red]This program sent requests up to {1000 * found.summary.late:.0f} ms late: it, or its machine, is "
            "the bottleneck, and the endpoint may sustain more.[/red]"
        )
    console.print(
        f"Scaling target per instance: {aim.concurrency:g} requests in flight, or {aim.invocations:g} requests a "
        f"minute (safety factor {SAFETY:g}). Deploy one of:"
    )
    for line in aim.settings.values():
        console.print(f"  make deploy{deployment(settings, line)}", soft_wrap=True, highlight=False)


def show_run(console: Console, record: Record, summary: Summary) -> None:
    """Print the run as a table of up to 20 rows, then its totals in one line."""
    table = Table()
    for column in ("second", "offered/s", "served/s", "failed/s", "p50 ms", "p99 ms", "instances"):
        table.add_column(column, justify="right")
    for part in record.over_time(_ROWS):
        table.add_row(
            f"{part.second:.0f}", f"{part.offered:.1f}", f"{part.served:.1f}", f"{part.failed:.1f}",
            f"{1000 * part.p50:.0f}", f"{1000 * part.p99:.0f}", str(part.instances),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{summary.calls} calls, {summary.served:.1f} served a second, {_latency(summary)}{_failed(summary)}",
        highlight=False,
    )


def _latency(summary: Summary) -> str:
    return f"p50 {1000 * summary.p50:6.0f} ms  p99 {1000 * summary.p99:6.0f} ms"


def _failed(summary: Summary) -> str:
    reasons = ", ".join(f"{count} × {reason}" for reason, count in summary.errors.most_common(3))
    return f"  {summary.failed} failed: {reasons}" if reasons else ""
