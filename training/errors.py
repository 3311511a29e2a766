"""The failures that a run expects: reported by their message alone, without a stack trace."""

from collections.abc import Sequence


class InputError(Exception):
    """Settings, data set or environment that cannot be trained on; holds every problem found, one line each."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("; ".join(self.problems))


class LostPeers(Exception):
    """Another process of the run stopped or cannot be reached; its own error is the one to read."""


class Stopped(Exception):
    """The run was asked to stop, and has; the same command goes on from its checkpoint, where it has one."""
