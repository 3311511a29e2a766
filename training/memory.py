"""Memory of this process: its peak, giving it back, and the error when there is not enough."""

import ctypes
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import InputError
from training.settings import Hyperparameters

# PyTorch's allocators raise a plain RuntimeError on a CPU; recognised by its words, so that PyTorch is not imported
_REFUSED = ("can't allocate memory", "not enough memory", "out of memory")


def peak_mb() -> float:
    """Peak resident memory, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage includes the process that started this one
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def give_back_memory() -> None:
    """Returns free memory to the system: after a large network is gone, glibc keeps 100 MB and more."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


@contextmanager
def enough_memory(settings: Hyperparameters) -> Iterator[None]:
    """Turns a refused allocation in NumPy, Python or PyTorch into an error that names the settings to lower.

    A process that the system kills (exit code 137) cannot report it.

    Raises:
        InputError: not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _REFUSED):
            raise InputError(
                f"out of memory: lower batch-size ({settings.batch_size}) or image-size ({settings.image_size}), "
                "or take a larger instance"
            ) from error
        raise
