"""A stop that comes at a step of one's choice."""

from threading import Event


class StopAfter(Event):
    """Set once it has been asked `count` times: the training asks after each step."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0
