"""Seconds by phase: a phase within another counts for itself alone."""

from collections.abc import Iterator

import pytest

from training.phases import Phases


def clock(*times: float) -> Phases:
    moments: Iterator[float] = iter(times)
    return Phases(lambda: next(moments))


def test_a_phase_within_another_is_not_counted_twice() -> None:
    phases = clock(0, 1, 3, 7, 8)
    with phases.of("train"), phases.of("evaluate"):
        pass
    assert phases.seconds == {"train": 3, "evaluate": 4}


def test_time_outside_of_all_phases_is_not_counted_and_one_that_comes_again_adds_up() -> None:
    phases = clock(0, 10, 11, 20, 22)
    for _ in range(2):
        with phases.of("evaluate"):
            pass
    assert phases.seconds == {"evaluate": 3}


def test_a_phase_that_fails_is_closed() -> None:
    phases = clock(0, 1, 2, 3, 5)
    with pytest.raises(ValueError, match="no"), phases.of("decode"):
        raise ValueError("no")
    with phases.of("export"):
        pass
    assert phases.seconds == {"decode": 1, "export": 2}
