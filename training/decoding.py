"""Decodes image files by the decoder of serving: in threads, or in processes where many wait for many cores.

Threads wait for Python's lock while a decoder reads headers and metadata: on 16 cores they decode no more than on two.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Protocol

import numpy as np

from serving.preprocessing import ImageError, Preprocessing, read_whole
from training.environment import Process
from training.errors import InputError
from training.machine import own_cores
from training.pixel_cache import PixelCache

MIN_FILES, MIN_CORES = 2000, 3  # from which processes save more than the second or two that they take to start
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # Linux keeps the semaphores of processes there; a sandbox may lack it
_CHUNK = 16  # files that a process decodes at a time


class Readable(Protocol):
    """A file whose bytes can be read, here and in another process."""

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Form:
    """Square that is made of an image: its centre, or all of it, stretched.

    Attributes:
        side: of the square, px.
        whole: True for all of the image.
        preprocessing: makes the square; None makes a plain one.
    """

    side: int
    whole: bool = False
    preprocessing: Preprocessing | None = None

    def read(self, file: Readable) -> tuple[np.ndarray, float]:
        """Pixels, uint8 [side, side, 3], and the width of the image by its height.

        Raises:
            ImageError, OSError: the file cannot be read.
        """
        content = file.read_bytes()
        if self.whole:
            return read_whole(content, self.side)
        return (self.preprocessing or Preprocessing(self.side)).read_square(content), 1.0


def in_processes(files: int, process: Process) -> bool:
    """True if so many files are decoded in processes."""
    possible = sys.platform != "linux" or os.access(_SHARED_MEMORY, os.W_OK)
    return possible and files >= MIN_FILES and own_cores(process) >= MIN_CORES


def decode_all(files: Sequence[Readable], form: Form, kept: PixelCache | None, process: Process) -> list[float | str]:
    """Decodes every file, into the rows of `kept` if there is one.

    Returns:
        For each file the image's width by its height, or why it cannot be decoded.

    Raises:
        InputError: a process that decodes was killed, or a file is not the one of its data set's list.
    """
    chunks = [range(start, min(start + _CHUNK, len(files))) for start in range(0, len(files), _CHUNK)]
    given = [[files[row] for row in chunk] for chunk in chunks]
    shared = in_processes(len(files), process) and (kept is None or kept.file is not None)
    with _workers(shared, process, kept) as pool:
        work = partial(_decode_shared, form) if shared else partial(_decode, form, kept)
        return [outcome for chunk in pool.map(work, chunks, given) for outcome in chunk]


@contextmanager
def _workers(shared: bool, process: Process, kept: PixelCache | None) -> Iterator[Executor]:
    """Threads, or processes that write into the cache; one for each core of this process."""
    cores = own_cores(process)
    if not shared:
        with ThreadPoolExecutor(cores) as threads:
            yield threads
        return
    # not forked: the threads of PyTorch and BLAS do not survive it
    pool = ProcessPoolExecutor(cores, get_context("spawn"), _attach, (kept,))
    try:
        with _killed_as_input_error(cores):
            yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _killed_as_input_error(cores: int) -> Iterator[None]:
    """Raises InputError when one of the processes is killed."""
    try:
        yield
    except BrokenProcessPool:
        raise InputError(
            f"one of {cores} processes that decode images was killed, as the system does when memory is out: "
            "set OMP_NUM_THREADS to fewer of them, or take a larger instance"
        ) from None


def decode_again(files: Sequence[Readable], form: Form, of: int, process: Process) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, uint8 [n, side, side, 3], and widths by heights, float32 [n], of files that have been decoded before.

    Args:
        of: number of files that will be decoded so, a few at a time.

    Raises:
        ImageError, OSError: a file cannot be read any more.
        InputError: a process that decodes was killed.
    """
    cores = own_cores(process)
    if in_processes(of, process):
        with _killed_as_input_error(cores):
            found = list(_kept_workers(cores).map(form.read, files))
    else:
        with ThreadPoolExecutor(cores) as threads:
            found = list(threads.map(form.read, files))
    return np.stack([pixels for pixels, _ in found]), np.array([ratio for _, ratio in found], np.float32)


@cache
def _kept_workers(cores: int) -> Executor:
    """Processes that stay until this one ends."""
    return ProcessPoolExecutor(cores, get_context("spawn"), _attach, (None,))


_shared: PixelCache | None = None  # of a process that decodes for another


def _attach(kept: PixelCache | None) -> None:
    global _shared
    _shared = kept
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the one that started this one ends it
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the one that started it was killed: it would wait for work for ever."""
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _decode_shared(form: Form, rows: range, files: Sequence[Readable]) -> list[float | str]:
    return _decode(form, _shared, rows, files)


def _decode(form: Form, kept: PixelCache | None, rows: range, files: Sequence[Readable]) -> list[float | str]:
    outcomes: list[float | str] = []
    for row, file in zip(rows, files, strict=True):
        try:
            pixels, ratio = form.read(file)
        except (ImageError, OSError) as error:
            outcomes.append(str(error))
            continue
        if kept is not None:
            kept.rows[row] = pixels
        outcomes.append(ratio)
    return outcomes
