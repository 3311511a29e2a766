"""Progress of a training: lines from which CloudWatch takes metrics, or a bar on a terminal."""

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Self, TextIO

EVERY_SECONDS = 5.0
BAR_SECONDS = 0.2
Clock = Callable[[], float]


class _Shown:
    """Progress of something with a known number of parts, shown every few seconds; a quiet one shows nothing."""

    def __init__(self, title: str, parts: int, stream: TextIO | None, clock: Clock, quiet: bool) -> None:
        self._parts, self._quiet, self._clock = parts, quiet, clock
        self._stream = stream or sys.stdout
        self._bar = None if quiet else _open_bar(title, parts, self._stream)
        self._since, self._images = clock(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def due(self) -> bool:
        """True if it is time to show something."""
        seconds = self._clock() - self._since
        return not self._quiet and seconds >= (BAR_SECONDS if self._bar else EVERY_SECONDS)

    def _speed(self, images: int) -> float | None:
        """Adds `images`; if it is time to show something, returns images a second since the last time."""
        self._images += images
        if not self.due:
            return None
        now = self._clock()
        speed = self._images / (now - self._since)
        self._since, self._images = now, 0
        return speed

    def _show(self, done: int, beside_bar: str, line: str) -> None:
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, note=beside_bar, refresh=True)
        else:
            print(line, file=self._stream, flush=True)


class EpochProgress(_Shown):
    """Progress of one epoch: call `step` after its steps, at least when one is `due`.

    A line is `epoch=1 step=12 train:loss=0.4000 train:images_per_second=310`, loss and speed since the line before.
    """

    def __init__(
        self, epoch: int, steps: int, stream: TextIO | None = None, clock: Clock = time.monotonic, quiet: bool = False
    ) -> None:
        super().__init__(f"epoch {epoch}", steps, stream, clock, quiet)
        self._epoch = epoch
        self._loss, self._seen = 0.0, 0

    def step(self, number: int, loss: float, images: int) -> None:
        """Step `number`, from 1, is done; `loss` is the sum over `images` images since the call before."""
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
    """Progress of one split's features: call `step` after each batch.

    A line is `features=train images=120/500 train:images_per_second=35`, the last one with the speed over all.

    Args:
        images: of the split.
        done: number of them that an earlier run has computed.
    """

    def __init__(
        self,
        split: str,
        images: int,
        done: int = 0,
        stream: TextIO | None = None,
        clock: Clock = time.monotonic,
        quiet: bool = False,
    ) -> None:
        super().__init__(f"features of {split}", images, stream, clock, quiet)
        self._split, self._start = split, clock()
        self._before = self._done = done

    def step(self, images: int) -> None:
        """Adds `images` to those that are done."""
        self._done = min(self._done + images, self._parts)
        speed = self._speed(images)
        if speed is not None:
            self._show(self._done, f"{speed:.0f} images/s", self._line(speed))

    def __exit__(self, kind: object, *rest: object) -> None:
        super().__exit__(kind, *rest)
        if kind is None and not self._quiet and self._done > self._before:
            seconds = max(self._clock() - self._start, 1e-9)
            print(self._line((self._done - self._before) / seconds), file=self._stream, flush=True)

    def _line(self, speed: float) -> str:
        return f"features={self._split} images={self._done}/{self._parts} train:images_per_second={speed:.4g}"


def _open_bar(title: str, parts: int, stream: TextIO) -> Any:
    """A bar of rich's on a terminal; None in a log, and if rich is missing, as in AWS's images: lines are printed."""
    if not stream.isatty() or not find_spec("rich"):
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=stream)
    if not console.is_interactive:  # TERM=dumb
        return None
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    bar.add_task(title, total=parts, note="")
    bar.start()
    return bar
