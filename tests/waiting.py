"""Waiting for a condition: over as soon as it holds, and the limit only guards against hanging."""

import time
from collections.abc import Callable
from typing import TypeVar

from local_aws.running import LocalAwsRun, processes

T = TypeVar("T")

LIMIT_SECONDS = 180.0  # beside other load, what takes one second can take thirty
WAITER_CONFIG = {"Delay": 1, "MaxAttempts": int(LIMIT_SECONDS)}  # of a waiter of boto3


def until(look: Callable[[], T], *, told: Callable[[], object] | None = None) -> T:
    """Return the first value of `look` that is true.

    Raises:
        AssertionError: none is within LIMIT_SECONDS; carries what `told`, or else `look`, returns then.
    """
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {told() if told else value!r}")
        time.sleep(0.05)
    return value


def until_nothing_is_left_of(run: LocalAwsRun) -> None:
    """Wait until the local AWS `run` has no process any more."""
    until(lambda: not processes(run), told=lambda: [process.cmdline() for process in processes(run)])
