"""Batching of the items of many requests, without waiting for a batch to fill.

A thread that becomes free takes its share of the waiting items: one if there is a single client, more if there are more
clients. Waiting for more items would only add to the latency.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Calls `run`, from `threads` threads, on up to `max_batch` items; each item gets its result, or its exception."""

    def __init__(
        self, run: Callable[[list[Item]], Sequence[Result | Exception]], *, threads: int, max_batch: int
    ) -> None:
        self._run, self._threads, self._max_batch = run, threads, max_batch
        self._waiting: SimpleQueue[tuple[Item, Future[Result]]] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    def submit(self, item: Item) -> "Future[Result]":
        """A future of the item's result, or of the exception that was returned for it, or raised, by `run`."""
        future: Future[Result] = Future()
        self._waiting.put((item, future))
        return future

    def _work(self) -> None:
        while True:
            self._answer(self._next_batch())

    def _next_batch(self) -> "list[tuple[Item, Future[Result]]]":
        """Waits for an item, and adds this thread's share of those that wait behind it."""
        batch = [self._waiting.get()]
        share = min(self._max_batch, 1 + self._waiting.qsize() // self._threads)
        try:
            while len(batch) < share:
                batch.append(self._waiting.get_nowait())
        except Empty:  # another thread took the rest
            pass
        return batch

    def _answer(self, batch: "list[tuple[Item, Future[Result]]]") -> None:
        batch = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
        if not batch:  # every client is gone
            return
        try:
            results = self._run([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
