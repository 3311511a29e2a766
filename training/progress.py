"""How an epoch goes: lines that CloudWatch takes metrics from, or a bar where a person looks on."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

EVERY_SECONDS = 5.0
BAR_SECONDS = 0.2
BAR = 30  # characters


class Progress:
    """Of one epoch: `step` is called after each of its steps, `end` after the last.

    A line is `epoch=1 step=12 train:loss=0.4000 train:images_per_second=310`, loss and speed since the line before.
    """

    def __init__(
        self,
        epoch: int,
        steps: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._epoch, self._steps = epoch, steps
        self._stream = stream or sys.stdout
        self._clock = clock
        self._bar = self._stream.isatty()
        self._since = clock()
        self._loss = 0.0
        self._images = 0

    def step(self, number: int, loss: float, images: int) -> None:
        """Step `number` (from 1) is done; `loss` is its sum over `images` images."""
        self._loss += loss
        self._images += images
        seconds = self._clock() - self._since
        if seconds < (BAR_SECONDS if self._bar else EVERY_SECONDS):
            return
        mean, speed = self._loss / self._images, self._images / seconds
        if self._bar:
            done = BAR * number // self._steps
            self._write(
                f"\r\x1b[Kepoch {self._epoch} {'━' * done}{' ' * (BAR - done)} {number}/{self._steps} "
                f"loss {mean:.4f}, {speed:.0f} images/s"
            )
        else:
            self._write(
                f"epoch={self._epoch} step={number} train:loss={mean:.4f} train:images_per_second={speed:.4g}\n"
            )
        self._since, self._loss, self._images = self._clock(), 0.0, 0

    def end(self) -> None:
        """Takes the bar away."""
        if self._bar:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
