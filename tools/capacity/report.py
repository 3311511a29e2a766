"""Terminal output and JSON of the capacity simulator."""

from rich.console import Console
from rich.table import Table

from tools.capacity.search import ServiceLimits
from tools.capacity.simulation import SimulationResult


def show(
    console: Console,
    current: SimulationResult,
    chosen: SimulationResult | None,
    others: list[SimulationResult],
    limits: ServiceLimits,
    price: float,
) -> None:
    """Print the declared policy, the cheapest that holds, and the other Pareto-optimal ones; `price` is $ an hour."""
    held = f"Limits: p99 {1000 * limits.p99:g} ms, {limits.dropped:.2%} dropped"
    table = Table(title=held, title_justify="left", padding=(0, 1, 0, 0))
    for column in ("policy", "min–max", "target", "p50 ms", "p99 ms", "dropped", "hours", "$", "ok"):
        table.add_column(column, justify="left" if column in ("policy", "min–max") else "right", no_wrap=True)
    _row(table, "declared", current, limits, price)
    if chosen:
        _row(table, "cheapest", chosen, limits, price)
    for outcome in others:
        _row(table, "", outcome, limits, price)
    console.print(table)
    if current.policy.changes:
        console.print("* with endpoint_schedule, which the search does not vary")


def _row(table: Table, name: str, outcome: SimulationResult, limits: ServiceLimits, price: float) -> None:
    policy = outcome.policy
    table.add_row(
        name,
        f"{policy.minimum}–{policy.maximum}" + ("*" if policy.changes else ""),
        f"{policy.target:g}",
        f"{1000 * outcome.p50:.0f}",
        f"{1000 * outcome.p99:.0f}",
        f"{outcome.dropped_share:.2%}",
        f"{outcome.instance_hours:.1f}",
        f"{outcome.instance_hours * price:.2f}",
        "✓" if limits.hold(outcome) else "✗",
    )


def as_json(outcome: SimulationResult, price: float) -> dict[str, object]:
    """Rounded figures of one policy, in seconds, instance hours and dollars."""
    policy = {name: value for name, value in vars(outcome.policy).items() if name != "changes"}
    return {
        "policy": policy,
        "requests": outcome.requests,
        "dropped": outcome.dropped,
        "p50_seconds": round(outcome.p50, 4),
        "p99_seconds": round(outcome.p99, 4),
        "instance_hours": round(outcome.instance_hours, 3),
        "max_instances": outcome.max_instances,
        "dollars": round(outcome.instance_hours * price, 4),
    }
