"""Routes calls to instances round robin, also while traffic shifts from one fleet to another."""

import itertools
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Traffic(Generic[T]):
    """Round-robin router over `taking`, the instances that receive calls; `set` replaces all of them at once."""

    def __init__(self) -> None:
        self.taking: tuple[T, ...] = ()
        self._turn = itertools.count()

    def set(self, instances: Sequence[T]) -> None:
        self.taking = tuple(instances)

    def next(self, usable: Callable[[T], bool] = lambda _: True) -> T | None:
        """Instance for the next call, a usable one if there is any; None without instances."""
        taking = self.taking  # read once: another thread may replace it
        if not taking:
            return None
        turn = next(self._turn) % len(taking)
        return next(filter(usable, (*taking[turn:], *taking[:turn])), taking[turn])


def mix(blue: Sequence[T], green: Sequence[T], taking: int) -> list[T]:
    """Instances that receive calls when `taking` instances of the new fleet `green` do.

    An equal share of the old fleet `blue` stops receiving calls, so that with fleets of equal size every instance has
    the same load. Old and new instances alternate.
    """
    if taking >= len(green):
        return list(green)
    staying = max(1, round(len(blue) * (1 - taking / len(green))))
    parts = (blue[:staying], green[:taking])
    places = [((turn + 0.5) / len(part), each) for part in parts for turn, each in enumerate(part)]
    return [each for _, each in sorted(places, key=lambda place: place[0])]
