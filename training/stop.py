"""SIGTERM, which SageMaker sends to stop a job or to reclaim a spot instance, 120 seconds before it kills it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

STOPPED = 143  # exit code of a program that SIGTERM ended: 128 + 15


def end_on_sigterm() -> None:
    """SIGTERM ends the process from now on: as process 1 of a container, Python ignores it without a handler."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))


@contextmanager
def stop_on_sigterm() -> Iterator[Event]:
    """Inside, SIGTERM sets the event instead of ending the process. For the main thread only."""
    asked = Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
