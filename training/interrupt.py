"""Ctrl-C: one line instead of a stack trace, also while a program's modules are being imported."""

import sys
from types import TracebackType

INTERRUPTED = 130  # exit code of a program that Ctrl-C ended: 128 + SIGINT


def report_interrupts() -> None:
    """From now on an interrupt that nothing catches prints `stopped`, or its own message."""
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(str(error) or "stopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
