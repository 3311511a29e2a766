"""A local AWS of a benchmark's own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_aws.home import Home, use
from local_aws.lifecycle import down, up


@contextmanager
def own_aws(time_factor: float | None = None) -> Iterator[Path]:
    """Run a local AWS and point this process to it; yields a folder for the benchmark's files."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "local")
        try:
            up(home, tied=True, time_factor=time_factor)
            use(home)
            yield Path(folder)
        finally:
            down(home)
