"""Log lines of a function: all that it wrote before its response are in the log of the invocation.

MiniStack waits at most 50 ms for the thread that reads them, which can be later than that on a busy machine. Here they
are read from the pipe when they are asked for, and the thread only keeps the pipe from filling up.
"""

import fcntl
import os
import select
import struct
import termios
import threading
from typing import Any

from ministack.core import lambda_runtime


def install() -> None:
    """Run functions of Python and Node.js in environments that lose no line."""
    lambda_runtime.Worker = LoggedWorker


class LoggedWorker(lambda_runtime.Worker):
    """Environment of a function. Its lines are in the pipe, all of them, before its response is written."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reading = threading.Lock()
        self._written = b""

    def _spawn(self) -> None:
        super()._spawn()
        self._pipe = self._proc.stderr  # MiniStack forgets the process before it asks for the lines of an error

    def _read_stderr(self) -> None:
        pipe, changes = self._proc.stderr, select.poll()
        changes.register(pipe, select.POLLIN)
        while True:
            [(_, events)] = changes.poll()
            with self._reading:
                if not self._read(pipe) and events & select.POLLHUP:
                    return

    def _drain_stderr(self) -> str:
        with self._reading:
            self._read(self._pipe)
            written, self._written = self._written, b""
        return written.decode(errors="replace")

    def _drain_stderr_bounded(self) -> str:
        return self._drain_stderr()

    def _read(self, pipe: Any) -> int:
        """Read what is in the pipe now; returns its number of bytes."""
        unread = int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])
        self._written += os.read(pipe.fileno(), unread)
        return unread
