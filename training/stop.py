"""SIGTERM, which SageMaker sends to stop a job or to reclaim a spot instance, 120 seconds before it kills it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def stop_on_sigterm() -> Iterator[Event]:
    """Inside, SIGTERM sets the event instead of ending the process. For the main thread only."""
    asked = Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
