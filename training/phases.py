"""Seconds of a training by phase."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Clock of a run. A phase within another one counts for itself alone, so that the seconds add up.

    Attributes:
        seconds: by phase, in the order in which they began; time outside of all phases is not counted.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock, self._open, self._since = clock, [""], clock()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Counts the time inside for the phase `name`."""
        self._turn()
        self._open.append(name)
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        """Counts the time since the last turn for the innermost open phase."""
        now = self._clock()
        if self._open[-1]:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now
