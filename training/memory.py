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

_TIMES_THE_FILE = 2.5  # measured: what a process takes for each byte of a backbone that OpenVINO runs
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


def require_free(backbone: int, architecture: str) -> None:
    """Refuses a backbone that this machine's memory cannot hold, swap included.

    Args:
        backbone: size of its ONNX file, bytes.

    Raises:
        InputError: too little is free.
    """
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return
    table = dict(line.split(":") for line in meminfo.read_text().splitlines())
    free = sum(int(table[name].split()[0]) * 1024 / 1e6 for name in ("MemAvailable", "SwapFree"))
    needed = _TIMES_THE_FILE * backbone / 1e6
    if needed > free:
        raise InputError(
            f"the backbone of {architecture} has {backbone / 1e6:,.0f} MB and takes some {needed:,.0f} of memory, and "
            f"{free:,.0f} are free: take a smaller network, or a larger instance"
        )


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
