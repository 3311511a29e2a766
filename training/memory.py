"""How much memory this process has taken, giving back what it needs no more, and running out of it."""

import ctypes
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import InputError
from training.settings import Hyperparameters

# What torch's allocators say, in a plain RuntimeError on a CPU; by its words, since a head is trained without torch.
_REFUSED = ("can't allocate memory", "not enough memory", "out of memory")


def peak_mb() -> float:
    """The most that has been resident at a time, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage counts in the process that started this one
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def give_back_memory() -> None:
    """Returns to the system what is free: after large networks come and go, glibc keeps 100 MB and more for itself."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


@contextmanager
def enough_memory(settings: Hyperparameters) -> Iterator[None]:
    """
    Raises:
        InputError: instead of NumPy's, Python's and torch's errors on a refused allocation. A process that the
            system kills (exit code 137) cannot say so.
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
