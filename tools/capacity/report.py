"""What the simulator shows on the terminal."""

from rich.console import Console
from rich.table import Table

from tools.capacity.search import Limits
from tools.capacity.simulation import Outcome


def show(
    console: Console, current: Outcome, chosen: Outcome | None, others: list[Outcome], limits: Limits, price: float
) -> None:
    """The declared policy, the cheapest that holds the limits, and what else there is between cost and latency."""
    held = f"p99 within {1000 * limits.p99:g} ms, {limits.dropped:.2%} dropped at most"
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
        console.print("* and by endpoint_schedule, which the search leaves out")


def _row(table: Table, name: str, outcome: Outcome, limits: Limits, price: float) -> None:
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


def as_json(outcome: Outcome, price: float) -> dict[str, object]:
    """Figures of one policy, rounded; seconds and dollars."""
    policy = {name: value for name, value in vars(outcome.policy).items() if name != "changes"}
    return {
        "policy": policy,
        "requests": outcome.requests,
        "dropped": outcome.dropped,
        "p50_seconds": round(outcome.p50, 4),
        "p99_seconds": round(outcome.p99, 4),
        "instance_hours": round(outcome.instance_hours, 3),
        "most_instances": outcome.most_instances,
        "dollars": round(outcome.instance_hours * price, 4),
    }
