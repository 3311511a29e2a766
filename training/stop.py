"""SIGTERM, which SageMaker sends to stop a job or to reclaim a spot instance, 120 seconds before it kills it.

It sends it to process 1 of the container, where Linux ignores it until there is a handler (signal(7), kill(2)).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event

STOPPED = 128 + signal.SIGTERM  # exit code of a program that SIGTERM ended


def exit_on_sigterm() -> None:
    """From now on SIGTERM ends the program, with the code 143."""

    def leave(*_: object) -> None:
        os.write(2, b"error: stopped as asked (SIGTERM)\n")  # print may be in the middle of a line
        sys.exit(STOPPED)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def stop_on_sigterm() -> Iterator[Event]:
    """Context in which SIGTERM sets the event instead of ending the process. For the main thread only."""
    asked = Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def run_stoppable(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end, pass SIGTERM on to it, and return its exit code."""
    child = subprocess.Popen(command, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal sends it to both
    code = child.wait()
    return code if code >= 0 else 128 - code
