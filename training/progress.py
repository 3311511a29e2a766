"""How a training goes: lines that CloudWatch takes metrics from, or a bar where a person looks on."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

EVERY_SECONDS = 5.0
BAR_SECONDS = 0.2
BAR = 30  # characters


class _Shown:
    """Something with a known number of parts, shown seldom."""

    def __init__(self, title: str, parts: int, stream: TextIO | None, clock: Callable[[], float]) -> None:
        self._title, self._parts = title, parts
        self._stream = stream or sys.stdout
        self._clock = clock
        self._bar = self._stream.isatty()
        self._since = clock()
        self._images = 0

    def end(self) -> None:
        """Takes the bar away."""
        if self._bar:
            self._write("\r\x1b[K")

    def _speed(self, images: int) -> float | None:
        """Takes in `images` more; where it is time to show something, images a second since the last time."""
        self._images += images
        now = self._clock()
        seconds = now - self._since
        if seconds < (BAR_SECONDS if self._bar else EVERY_SECONDS):
            return None
        speed = self._images / seconds
        self._since, self._images = now, 0
        return speed

    def _show(self, done: int, beside_bar: str, line: str) -> None:
        if self._bar:
            full = BAR * done // self._parts
            bar = f"{'━' * full}{' ' * (BAR - full)}"
            self._write(f"\r\x1b[K{self._title} {bar} {done}/{self._parts} {beside_bar}")
        else:
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class Progress(_Shown):
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
        super().__init__(f"epoch {epoch}", steps, stream, clock)
        self._epoch = epoch
        self._loss, self._seen = 0.0, 0

    def step(self, number: int, loss: float, images: int) -> None:
        """Step `number` (from 1) is done; `loss` is its sum over `images` images."""
        self._loss += loss
        self._seen += images
        speed = self._speed(images)
        if speed is None:
            return
        mean = self._loss / self._seen
        self._show(
            number,
            f"loss {mean:.4f}, {speed:.0f} images/s",
            f"epoch={self._epoch} step={number} train:loss={mean:.4f} train:images_per_second={speed:.4g}",
        )
        self._loss, self._seen = 0.0, 0


class FeatureProgress(_Shown):
    """Of one split's features: `step` is called after each batch, `end` after the last.

    A line is `features=train images=120/500 train:images_per_second=35`, the last one with the speed over all.

    Args:
        images: of the split.
        done: those of them that an earlier run has computed.
    """

    def __init__(
        self,
        split: str,
        images: int,
        done: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"features of {split}", images, stream, clock)
        self._split = split
        self._before = self._done = done
        self._start = clock()

    def step(self, images: int) -> None:
        """So many more are done."""
        self._done = min(self._done + images, self._parts)
        speed = self._speed(images)
        if speed is not None:
            self._show(self._done, f"{speed:.0f} images/s", self._line(speed))

    def end(self) -> None:
        super().end()
        if self._done > self._before:
            seconds = max(self._clock() - self._start, 1e-9)
            self._write(f"{self._line((self._done - self._before) / seconds)}\n")

    def _line(self, speed: float) -> str:
        return f"features={self._split} images={self._done}/{self._parts} train:images_per_second={speed:.4g}"
