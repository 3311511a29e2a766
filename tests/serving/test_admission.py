"""Images are let in while there is room for them, and while those ahead take no longer than a second or so."""

from contextlib import ExitStack

import pytest

from serving.admission import MAX_IN_FLIGHT, MAX_WAIT, Admission, Full


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as a list of one number that a test sets."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_as_many_images_as_there_is_room_for_are_let_in() -> None:
    admission = Admission(seconds=0.0)
    with admission.place(MAX_IN_FLIGHT - 1):
        with admission.place(1), pytest.raises(Full, match=f"{MAX_IN_FLIGHT} images are in flight"):
            admission.place(1).__enter__()
        with pytest.raises(Full):
            admission.place(2).__enter__()
        with admission.place(1):  # those that left made room
            pass


def test_an_image_is_refused_once_those_ahead_take_too_long() -> None:
    admission = Admission(seconds=MAX_WAIT / 4)
    with ExitStack() as ahead:
        for _ in range(5):  # the fifth waits for just as long as it may
            ahead.enter_context(admission.turn(1))
        for entrance in (admission.place, admission.turn):
            with pytest.raises(Full, match="5 images wait for more than 1 s"):
                entrance(1).__enter__()
    with admission.place(1), admission.turn(1):
        pass


def test_an_image_with_none_ahead_is_let_in_however_slow_the_model_is() -> None:
    admission = Admission(seconds=100 * MAX_WAIT)
    with admission.place(1), admission.turn(16), pytest.raises(Full):
        admission.place(1).__enter__()


def test_it_learns_from_the_answers_what_an_image_takes(clock: list[float]) -> None:
    """A call that found one image ahead, and brought three, waited for all four."""
    admission = Admission(seconds=0.0)
    for _ in range(100):
        with admission.turn(1):
            with admission.turn(3):
                clock[0] += 2.0
            clock[0] -= 1.5  # alone, it took half a second
    assert admission.seconds == pytest.approx(0.5, rel=0.01)


def test_an_error_tells_of_no_time_that_an_image_takes(clock: list[float]) -> None:
    admission = Admission(seconds=0.5)
    with pytest.raises(ValueError), admission.turn(1):
        raise ValueError
    assert admission.seconds == 0.5


def test_an_error_leaves_nothing_behind() -> None:
    admission = Admission(seconds=MAX_WAIT)
    for _ in range(MAX_IN_FLIGHT + 1):
        with pytest.raises(ValueError), admission.place(1), admission.turn(1):
            raise ValueError
