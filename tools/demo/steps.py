"""Announces and times the steps of the demo."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from tools.deploy.narration import Narration


@dataclass
class Steps:
    """The finished steps in order, each with its seconds."""

    console: Console
    seconds: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._narration = Narration(self.say)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Context manager of the step `name`; a step that fails is not recorded."""
        self.console.print(f"[bold]▸ {name}[/bold]")
        start = time.perf_counter()
        self._narration = Narration(self.say)
        yield
        self.seconds.append((name, time.perf_counter() - start))

    def say(self, line: str) -> None:
        """Print a detail of the running step."""
        self.console.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)

    def say_briefly(self, line: str) -> None:
        """Print what a line of the CDK's or a training job's output tells, with the time since the step began."""
        self._narration(line)
