"""Progress bars of what is done with many images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

MANY = 1000  # images; with fewer, a step takes seconds


@contextmanager
def bar(what: str, total: int, *, min_total: int = MANY) -> Iterator[Callable[[int], None]]:
    """A bar on stderr that names `what`, of `min_total` parts or more; yields a function that adds finished parts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=total < min_total) as progress:
        task = progress.add_task(what, total=total)
        yield lambda parts: progress.advance(task, parts)
