"""The demo's steps: announced, timed, remembered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console


@dataclass
class Steps:
    """What was done and how long it took, in order."""

    console: Console
    seconds: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Everything inside is the step `name`; a failed step is not remembered."""
        self.console.print(f"[bold]▸ {name}[/bold]")
        start = time.perf_counter()
        yield
        self.seconds.append((name, time.perf_counter() - start))

    def say(self, line: str) -> None:
        """A detail of the running step."""
        self.console.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)

    def say_briefly(self, line: str) -> None:
        """What matters of the CDK's and the training job's output: stacks, epochs, failures."""
        if any(mark in line for mark in ("✅", "❌", "_FAILED", " │ ")):
            self.say(line.strip())
