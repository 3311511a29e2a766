"""Images of many requests through the network together: as many as wait, and none made to wait for others.

A thread that becomes free takes its share of what waits by then: one image of a single client at once, more the
more clients there are. No delay in which a batch could fill: it would only add to a single client's latency.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

Item = tuple[np.ndarray, "Future[np.ndarray]"]


class Batcher:
    """Calls `run`, from `threads` threads, on up to `most` stacked items, and hands each item its row of the result."""

    def __init__(self, run: Callable[[np.ndarray], np.ndarray], *, threads: int, most: int) -> None:
        self._run, self._threads, self._most = run, threads, most
        self._waiting: SimpleQueue[Item] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    def submit(self, item: np.ndarray) -> "Future[np.ndarray]":
        """The row that `run` makes of the item, or what it raises."""
        future: Future[np.ndarray] = Future()
        self._waiting.put((item, future))
        return future

    def _work(self) -> None:
        while True:
            self._answer(self._next_batch())

    def _next_batch(self) -> list[Item]:
        """Waits for an item; with it come those waiting behind it, shared with the other threads."""
        batch = [self._waiting.get()]
        share = min(self._most, 1 + self._waiting.qsize() // self._threads)
        try:
            while len(batch) < share:
                batch.append(self._waiting.get_nowait())
        except Empty:  # another thread was quicker
            pass
        return batch

    def _answer(self, batch: list[Item]) -> None:
        batch = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
        if not batch:  # every client has gone
            return
        try:
            rows = self._run(np.stack([item for item, _ in batch]))
        except Exception as error:
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), row in zip(batch, rows, strict=True):
                future.set_result(row)
