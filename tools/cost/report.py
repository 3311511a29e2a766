"""Prints an estimate, or the difference between two, as a table, as Markdown or as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from aws.prices import table as prices
from tools.cost.estimate import Estimate

_MIN_CHANGE = 0.005  # dollars; a smaller difference counts as no change

_NOT_COUNTED = (
    "free tiers, taxes and discounts",
    "instances above the endpoint's minimum, added by load or endpoint_schedule (make capacity counts them)",
    "the second fleet while a deploy bakes a new model",
    "custom metrics from the functions' log lines, 0.30 $ a month each",
    "requests to S3 and KMS, e-mails, transfer to the internet: cents at this size",
)

Row = tuple[str, str, str, float | None, float | None]  # stack, what, basis, dollars before and now


def rows(now: Estimate, before: Estimate | None) -> list[Row]:
    """Table rows, one for each item of either estimate, most expensive first."""
    new = {(item.stack, item.what): item for item in now.items}
    old = {(item.stack, item.what): item for item in before.items} if before else {}
    amounts = {key: item.monthly(now.usage) for key, item in new.items()}
    earlier = {key: item.monthly(now.usage) for key, item in old.items()}
    # A removed item keeps its old basis; all others show the new one.
    found = [(*key, item.basis, earlier.get(key), amounts.get(key)) for key, item in {**old, **new}.items()]
    return sorted(found, key=lambda row: -max(row[3] or 0, row[4] or 0))


def totals(estimate: Estimate) -> dict[str, float]:
    """Dollars of what is counted; less than the bill if something has no price."""
    off = {} if estimate.month_off is None else {"a month, endpoint off": estimate.month_off}
    return {
        "a month": estimate.month,
        **off,
        "1,000 predictions": estimate.thousand,
        "1,000 predictions more": estimate.thousand_more,
        "a training run": estimate.training,
    }


def show(console: Console, now: Estimate, before: Estimate | None, base: str) -> None:
    """Print the estimate as a table on the terminal."""
    table = Table(title=f"Dollars a month, {now.region}, on demand", title_justify="left", padding=(0, 1, 0, 0))
    for column in ("stack", "what", "how"):
        table.add_column(column, overflow="fold")
    for column in _columns(before, base):
        table.add_column(column, justify="right", no_wrap=True)
    for stack, what, basis, was, is_ in rows(now, before):
        table.add_row(stack, what, basis, *_amounts(was, is_, before))
    table.add_section()
    for name, was, is_ in _totals(now, before):
        table.add_row("", name, "", *_amounts(was, is_, before, digits=4 if "1,000" in name else 2))
    console.print(table)
    for line in notes(now):
        console.print(f"  {line}", soft_wrap=True, highlight=False)


def as_markdown(now: Estimate, before: Estimate | None, base: str) -> str:
    """Markdown for a pull-request comment; with an estimate `before`, only the items that change."""
    columns = _columns(before, base)
    shown = [row for row in rows(now, before) if before is None or _changed(row[3], row[4])]
    lines = ["### Cost", ""]
    if shown:
        lines += [f"| stack | what | how | {' | '.join(columns)} |", "|---|---|---|" + "--:|" * len(columns)]
        for stack, what, basis, was, is_ in shown:
            lines.append(f"| {stack} | {what} | {basis} | {' | '.join(_amounts(was, is_, before))} |")
    else:
        lines.append("Nothing that is billed changes.")
    lines += ["", f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for name, was, is_ in _totals(now, before):
        amounts = _amounts(was, is_, before, digits=4 if "1,000" in name else 2)
        lines.append(f"| {name} | {' | '.join(amounts)} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in notes(now))]) + "\n"


def as_json(now: Estimate, before: Estimate | None) -> dict[str, Any]:
    """JSON object of all amounts, in dollars, unrounded."""
    return {
        "items": [
            {"stack": stack, "what": what, "basis": basis, "month": is_, **({"month_before": was} if before else {})}
            for stack, what, basis, was, is_ in rows(now, before)
        ],
        "totals": totals(now),
        **({"totals_before": totals(before)} if before else {}),
        "usage": asdict(now.usage),
        "region": now.region,
        "prices": {name: str(section["date"]) for name, section in prices(now.region).items()},
        "unpriced": list(now.unpriced),
    }


def notes(estimate: Estimate) -> list[str]:
    """Assumptions, omissions and price dates behind the figures, as sentences."""
    dated = [f"{name} {section['date']}" for name, section in prices(estimate.region).items()]
    return [
        *(f"Not counted: {line}." for line in estimate.unpriced),
        "Assumed: " + "; ".join(estimate.usage.sentences) + ".",
        "Left out: " + "; ".join(_NOT_COUNTED) + ".",
        f"Prices: aws/prices.yaml, {estimate.region}, as of {', '.join(dated)}.",
    ]


def _columns(before: Estimate | None, base: str) -> list[str]:
    return [base, "now", "change"] if before else ["$"]


def _totals(now: Estimate, before: Estimate | None) -> Iterator[tuple[str, float | None, float | None]]:
    old = totals(before) if before else {}
    for name, amount in totals(now).items():
        yield f"{name}, at least" if now.unpriced else name, old.get(name), amount


def _changed(was: float | None, is_: float | None) -> bool:
    return (was is None) != (is_ is None) or abs((is_ or 0) - (was or 0)) >= _MIN_CHANGE


def _amounts(was: float | None, is_: float | None, before: Estimate | None, digits: int = 2) -> list[str]:
    def text(amount: float | None) -> str:
        return "" if amount is None else f"{amount:,.{digits}f}"

    if before is None:
        return [text(is_)]
    change = (is_ or 0) - (was or 0)
    return [text(was), text(is_), f"{change:+,.{digits}f}" if abs(change) >= 10**-digits / 2 else ""]
