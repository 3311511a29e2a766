"""Estimates the monthly bill from the synthesized templates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws.prices import DEFAULT_REGION, UnknownPrice, table
from tools.cost.item import Item
from tools.cost.meters import FREE, METERS
from tools.cost.resource import resources
from tools.cost.usage import Usage
from training.errors import InputError

Templates = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Estimate:
    """Billed items and the usage that is assumed; all amounts are US dollars.

    `unpriced` says what has no price in the region, and so is in no sum.
    """

    items: tuple[Item, ...]
    usage: Usage
    region: str = DEFAULT_REGION
    unpriced: tuple[str, ...] = ()
    month_off: float | None = None
    """Total cost of a month with the endpoint off, if that was asked."""

    @property
    def month(self) -> float:
        """Total cost of a month."""
        return sum(item.monthly(self.usage) for item in self.items)

    @property
    def training(self) -> float:
        """Cost of one training run on SageMaker, plus one on the EC2 host if the app has it."""
        return sum(item.training for item in self.items)

    @property
    def thousand_more(self) -> float:
        """Marginal cost of a thousand more predictions on the existing instances."""
        return 1000 * sum(item.prediction for item in self.items)

    @property
    def thousand(self) -> float:
        """Average cost of a thousand predictions, all fixed costs included and training runs excluded."""
        return 1000 * (self.month - self.training * self.usage.trainings) / self.usage.predictions


def estimate(templates: Templates, usage: Usage, region: str = DEFAULT_REGION) -> Estimate:
    """Estimate the cost of the synthesized stacks in a region; `templates` are by stack name.

    Raises:
        InputError: all resource types that nobody has looked at, at once.
        UnknownPrice: the region has no prices at all.
    """
    table(region)
    items: list[Item] = []
    unpriced: dict[str, None] = {}
    problems: list[str] = []
    for found in resources(templates, usage, region):
        if found.type not in METERS:
            if found.type not in FREE:
                advice = "add it to METERS or FREE in tools/cost/meters.py"
                problems.append(f"no price for the resource type {found.type} ({found.id}): {advice}")
            continue
        try:
            for item in METERS[found.type](found):
                items.append(replace(item, stack=found.stack))
        except UnknownPrice as error:
            unpriced[f"{found.stack}, {found.type.rpartition('::')[2]}: {error}"] = None
    if problems:
        raise InputError(problems)
    return Estimate(tuple(_joined(items)), usage, region, tuple(unpriced))


def _joined(items: Sequence[Item]) -> Iterator[Item]:
    """Merge items of the same name in a stack, such as its alarms, into one."""
    named: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        named.setdefault((item.stack, item.what), []).append(item)
    for (stack, what), same in named.items():
        bases = dict.fromkeys(item.basis for item in same)
        basis = " + ".join(f"{n} × {b}" if (n := sum(i.basis == b for i in same)) > 1 else b for b in bases)
        month, prediction = sum(item.month for item in same), sum(item.prediction for item in same)
        training = sum(item.training for item in same)
        yield Item(what, basis, stack=stack, month=month, prediction=prediction, training=training)
