"""A month's bill, from the templates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws.prices import UnknownPrice
from tools.cost.item import Item
from tools.cost.meters import FREE, METERS
from tools.cost.resource import resources
from tools.cost.usage import Usage
from training.errors import InputError

Templates = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Estimate:
    """`items` are billed under `usage`; all amounts are dollars."""

    items: tuple[Item, ...]
    usage: Usage

    @property
    def month(self) -> float:
        """All of it, for a month."""
        return sum(item.monthly(self.usage) for item in self.items)

    @property
    def training(self) -> float:
        """One training run, on SageMaker and, where there is a host for it, on EC2."""
        return sum(item.training for item in self.items)

    @property
    def thousand_more(self) -> float:
        """A thousand predictions more, on the instances that are there."""
        return 1000 * sum(item.prediction for item in self.items)

    @property
    def thousand(self) -> float:
        """A thousand predictions with their share of everything else; trainings are apart."""
        return 1000 * (self.month - self.training * self.usage.trainings) / self.usage.predictions


def estimate(templates: Templates, usage: Usage) -> Estimate:
    """What the synthesized stacks cost, by their names.

    Raises:
        InputError: types of resources or of instances without a price; all of them.
    """
    items: list[Item] = []
    problems: dict[str, None] = {}
    for found in resources(templates, usage):
        if found.type not in METERS:
            if found.type not in FREE:
                advice = "put it into METERS or FREE of tools/cost/meters.py"
                problems[f"cost does not know {found.type} ({found.id}): {advice}"] = None
            continue
        try:
            items += METERS[found.type](found)
        except UnknownPrice as error:
            problems[str(error)] = None
    if problems:
        raise InputError(list(problems))
    return Estimate(tuple(_joined(items)), usage)


def _joined(items: Sequence[Item]) -> Iterator[Item]:
    """One item for several of the same name in a stack, such as its alarms."""
    named: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        named.setdefault((item.stack, item.what), []).append(item)
    for (stack, what), same in named.items():
        bases = dict.fromkeys(item.basis for item in same)
        basis = " + ".join(f"{n} × {b}" if (n := sum(i.basis == b for i in same)) > 1 else b for b in bases)
        yield Item(
            stack=stack, what=what, basis=basis, month=sum(i.month for i in same),
            prediction=sum(i.prediction for i in same), training=sum(i.training for i in same),
        )  # fmt: skip
