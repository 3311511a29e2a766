"""Errors that a command reports by their lines alone, without a stack trace."""

from collections.abc import Sequence

MAX_NAMED = 10


class ReportedError(Exception):
    """The root: something a user can mend. `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = problems.splitlines() if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class InputError(ReportedError):
    """Settings, data set or environment that cannot be used."""


class LostPeers(ReportedError):
    """Another process of the run stopped or cannot be reached; its own error is the one to read."""


class Stopped(ReportedError):
    """The run was asked to stop, and has; the same command goes on from its checkpoint if it has one."""


def shorten(problems: list[str], kind: str) -> list[str]:
    """The first ten problems, then a line that counts the rest."""
    rest = len(problems) - MAX_NAMED
    return problems[:MAX_NAMED] + ([f"and {rest} more {kind}"] if rest > 0 else [])


def problems_of(error: ReportedError | OSError) -> list[str]:
    """Lines that tell a user what is wrong."""
    if isinstance(error, ReportedError):
        return error.problems
    return [f"{error.filename or 'input or output'}: {error.strerror or error}"]
