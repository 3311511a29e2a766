"""SIGTERM, which SageMaker sends to stop a job or to reclaim a spot instance, 120 seconds before it kills it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def stop_on_sigterm() -> Iterator[Event]:
    """Inside, SIGTERM sets the event instead of ending the process. For the main thread only."""
    asked = Event()

    def note(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
