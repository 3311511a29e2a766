"""Admission: which images are let in, so that none waits for longer than a second or so and memory stays bounded."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

MAX_IN_FLIGHT = 64  # images of one process
MAX_WAIT = 1.0  # seconds
_WEIGHT = 0.1  # of the newest answer in the time an image takes


class Full(Exception):
    """There is no room for another image; the message says why."""


class Admission:
    """Counts images in flight, and learns from the answers how long those ahead of a new one will take.

    A call of k images that found n ahead of it takes about n + k times what one image adds (Little's law). One that
    finds nothing ahead of it is always let in, however slow the model.

    Attributes:
        seconds: that one image adds to the wait of those behind it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._in_flight = self._ahead = 0

    @contextmanager
    def place(self, images: int) -> Iterator[None]:
        """A place in memory for images, taken before they are read.

        Raises:
            Full: too many are in flight, or those ahead take too long.
        """
        if self._in_flight + images > MAX_IN_FLIGHT:
            raise Full(f"{self._in_flight} images are in flight")
        self._check_wait()
        self._in_flight += images
        try:
            yield
        finally:
            self._in_flight -= images

    @contextmanager
    def turn(self, images: int) -> Iterator[None]:
        """Measure the time of a call's images, from when they are read until they are answered.

        A call that ends with an error does not count in `seconds`.

        Raises:
            Full: those ahead take too long.
        """
        self._check_wait()
        ahead, start = self._ahead, time.perf_counter()
        self._ahead += images
        try:
            yield
            self.seconds += _WEIGHT * ((time.perf_counter() - start) / (ahead + images) - self.seconds)
        finally:
            self._ahead -= images

    def _check_wait(self) -> None:
        if self._ahead * self.seconds > MAX_WAIT:
            raise Full(f"{self._ahead} images wait for more than {MAX_WAIT:g} s")
