"""Execute a notebook from top to bottom with given parameters."""

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config

from tools.deploy.narration import minutes
from training.errors import InputError, ReportedError

NOTEBOOK = Path(__file__).with_name("train_and_deploy.ipynb")
_CELL_SECONDS = 3600


class NotebookFailed(ReportedError):
    """A cell raised an error. The message is the error as the notebook shows it."""


class _Client(NotebookClient):
    """Cancels the execution at Ctrl-C; nbclient's own handler takes the kernel away while it is in use."""

    interrupted = False

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        """Start the kernel; nbclient has just set its handlers."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt() -> None:
            self.interrupted = True
            self.shutdown_kernel = "immediate"  # asked to end in a cell, it prints a stack trace
            if task:
                task.cancel()

        with contextlib.suppress(RuntimeError):  # another thread gets no signals
            loop.add_signal_handler(signal.SIGINT, interrupt)
        await super().async_start_new_kernel(**kwargs)


def execute(
    path: Path,
    parameters: Mapping[str, Any],
    output: Path | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> nbformat.NotebookNode:
    """Execute the notebook, write it with its outputs to `output`, also after an error, and return it.

    Args:
        parameters: values that override those of the cell tagged `parameters`.
        say: gets the heading of each part as it begins, with the time passed.

    Raises:
        InputError: the notebook has no parameter of that name.
        NotebookFailed: a cell raised an error.
        KeyboardInterrupt: after Ctrl-C, when the kernel has ended.
    """
    notebook = nbformat.read(path, as_version=4)
    _set(notebook, parameters)
    with tempfile.TemporaryDirectory() as sockets:
        # Sockets of this user alone. By default a kernel accepts commands on ports that every user of the machine can
        # reach.
        private = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        client = _Client(
            notebook,
            config=private,
            kernel_name="python3",
            timeout=_CELL_SECONDS,
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_start=_tell_headings(say),
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise NotebookFailed(_shown(notebook) or str(error)) from None
        except (asyncio.CancelledError, DeadKernelError):
            if client.interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            if output:
                output.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, output)
    return notebook


def _tell_headings(say: Callable[[str], None]) -> Callable[..., None]:
    begin = time.monotonic()

    def tell(cell: nbformat.NotebookNode, cell_index: int) -> None:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("## "):
                say(f"{minutes(time.monotonic() - begin):>5}  {line.removeprefix('## ')}")

    return tell


def _set(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> None:
    """Insert a cell with the values after the cell with the defaults."""
    [(index, defaults)] = [
        (index, cell) for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])
    ]
    known = [line.partition(" = ")[0] for line in defaults.source.splitlines()]
    for name in parameters:
        if name not in known:
            raise InputError(f"{name} is no parameter of the notebook; there are {', '.join(known)}")
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    if lines:
        notebook.cells.insert(index + 1, nbformat.v4.new_code_cell("\n".join(lines)))


def _shown(notebook: nbformat.NotebookNode) -> str:
    """The error output of the last executed cell; empty without one."""
    errors = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    return "\n".join(errors[-1].traceback) if errors else ""
