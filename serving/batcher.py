"""Batching of images of many requests, without waiting for a batch to fill.

A thread that becomes free takes its share of the waiting images: one if there is a single client, more if there are
more clients. Waiting for more images would only add to the latency.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

Item = tuple[np.ndarray, "Future[np.ndarray]"]


class Batcher:
    """Calls `run`, from `threads` threads, on up to `max_batch` stacked items; each item gets its row of the result."""

    def __init__(self, run: Callable[[np.ndarray], np.ndarray], *, threads: int, max_batch: int) -> None:
        self._run, self._threads, self._max_batch = run, threads, max_batch
        self._waiting: SimpleQueue[Item] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    def submit(self, item: np.ndarray) -> "Future[np.ndarray]":
        """A future of the item's row of the result, or of the exception that `run` raised."""
        future: Future[np.ndarray] = Future()
        self._waiting.put((item, future))
        return future

    def _work(self) -> None:
        while True:
            self._answer(self._next_batch())

    def _next_batch(self) -> list[Item]:
        """Waits for an item, and adds this thread's share of those that wait behind it."""
        batch = [self._waiting.get()]
        share = min(self._max_batch, 1 + self._waiting.qsize() // self._threads)
        try:
            while len(batch) < share:
                batch.append(self._waiting.get_nowait())
        except Empty:  # another thread took the rest
            pass
        return batch

    def _answer(self, batch: list[Item]) -> None:
        batch = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
        if not batch:  # every client is gone
            return
        try:
            rows = self._run(np.stack([item for item, _ in batch]))
        except Exception as error:
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), row in zip(batch, rows, strict=True):
                future.set_result(row)
