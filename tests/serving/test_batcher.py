"""Items that wait go together; one that comes alone goes at once; each gets its result, or the error of its batch."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from serving.batcher import Batcher
from tests.waiting import LIMIT_SECONDS

LIMIT = LIMIT_SECONDS
ODD = 100


class Engine:
    """Doubles its input, once it is let; remembers how many items came together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered, self.let = Event(), Event()

    def run(self, items: list[int]) -> list[int | Exception]:
        self.sizes.append(len(items))
        self.entered.set()
        assert self.let.wait(LIMIT)
        if min(items) < 0:
            raise ValueError("negative")
        return [2 * item if item < ODD else KeyError("odd") for item in items]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@contextmanager
def held(engine: Engine, **options: Any) -> Iterator[tuple[Any, "Future[int]"]]:
    """A batcher whose engine is busy with a first item until the block ends."""
    batcher = Batcher(engine.run, **options)
    first = batcher.submit(0)
    assert engine.entered.wait(LIMIT)
    yield batcher, first
    engine.let.set()


def test_what_waits_goes_together_up_to_the_most(engine: Engine) -> None:
    with held(engine, threads=1, max_batch=4) as (batcher, first):
        waiting = [batcher.submit(i) for i in range(1, 7)]
    assert [future.result(LIMIT) for future in (first, *waiting)] == [0, 2, 4, 6, 8, 10, 12]
    assert engine.sizes == [1, 4, 2]


def test_threads_share_what_waits(engine: Engine) -> None:
    with held(engine, threads=2, max_batch=8) as (batcher, _):
        engine.entered.clear()
        batcher.submit(0)
        assert engine.entered.wait(LIMIT)  # both are busy
        waiting = [batcher.submit(i) for i in range(6)]
    for future in waiting:
        future.result(LIMIT)
    assert engine.sizes[2] == 3


def test_an_error_reaches_all_of_its_batch_and_no_other(engine: Engine) -> None:
    with held(engine, threads=1, max_batch=2) as (batcher, first):
        waiting = [batcher.submit(i) for i in (1, -1, 3, 4)]
    for future in waiting[:2]:
        with pytest.raises(ValueError, match="negative"):
            future.result(LIMIT)
    assert [future.result(LIMIT) for future in (first, *waiting[2:])] == [0, 6, 8]


def test_an_error_of_one_item_reaches_it_alone(engine: Engine) -> None:
    with held(engine, threads=1, max_batch=4) as (batcher, _):
        well, odd, also = (batcher.submit(i) for i in (1, ODD, 3))
    with pytest.raises(KeyError, match="odd"):
        odd.result(LIMIT)
    assert (well.result(LIMIT), also.result(LIMIT)) == (2, 6)
    assert engine.sizes == [1, 3]


def test_an_item_whose_client_has_gone_is_not_run(engine: Engine) -> None:
    with held(engine, threads=1, max_batch=8) as (batcher, _):
        gone, stays = batcher.submit(1), batcher.submit(2)
        assert gone.cancel()
    assert stays.result(LIMIT) == 4
    assert engine.sizes == [1, 1]
