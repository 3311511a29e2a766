"""SIGTERM: how SageMaker stops a job or takes a spot instance back, 120 seconds before it ends the container."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def stop_asked() -> Iterator[Event]:
    """Inside, SIGTERM sets the event instead of ending the process. In the main thread only."""
    asked = Event()

    def note(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
