"""Which instance answers the next call, while calls move from one fleet to another."""

import itertools
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Traffic(Generic[T]):
    """The instances that take calls, in turn; `set` changes all of them at once."""

    def __init__(self) -> None:
        self.taking: tuple[T, ...] = ()
        self._turn = itertools.count()

    def set(self, instances: Sequence[T]) -> None:
        self.taking = tuple(instances)

    def next(self) -> T | None:
        """The instance for one call; None when there is none."""
        taking = self.taking  # read once: it may change between two lines
        return taking[next(self._turn) % len(taking)] if taking else None


def mix(blue: Sequence[T], green: Sequence[T], taking: int) -> list[T]:
    """The instances that take calls when `taking` of the new fleet `green` do.

    As large a part of the old fleet stops taking any, so that of equal fleets every instance has the same share. Old
    and new ones alternate.
    """
    if taking >= len(green):
        return list(green)
    staying = max(1, round(len(blue) * (1 - taking / len(green))))
    parts = (blue[:staying], green[:taking])
    places = [((turn + 0.5) / len(part), each) for part in parts for turn, each in enumerate(part)]
    return [each for _, each in sorted(places, key=lambda place: place[0])]
