"""A curve interpolates linearly between its points; a bad file is reported line by line."""

from pathlib import Path

import numpy as np
import pytest

from tools.load.arrivals import arrivals
from tools.load.curve import Curve, read_curve
from training.errors import InputError

CURVE = Curve(np.array([0.0, 10, 10, 20, 30]), np.array([0.0, 10, 40, 40, 0]))


def test_rates_lie_on_the_lines_and_jump_where_a_second_is_given_twice() -> None:
    assert CURVE.rate(np.array([0.0, 5, 10, 15, 25])).tolist() == [0, 5, 40, 40, 20]


def test_the_requests_until_a_time_are_the_area_under_the_curve() -> None:
    assert CURVE.requests(np.array([0.0, 5, 10, 20, 30])).tolist() == [0, 12.5, 50, 450, 650]


def test_times_are_the_inverse_of_requests() -> None:
    times = np.linspace(0, 29.9, 50)
    assert CURVE.times(CURVE.requests(times)) == pytest.approx(times)


def test_constant_arrivals_are_evenly_spaced_at_a_constant_rate() -> None:
    assert arrivals(Curve.constant(4, 1), "constant", 0).tolist() == [0.125, 0.375, 0.625, 0.875]


def test_poisson_arrivals_follow_the_curve_and_are_the_same_for_the_same_seed() -> None:
    curve = Curve(CURVE.seconds, CURVE.rates * 100)
    due = arrivals(curve, "poisson", 7)
    assert (np.diff(due) >= 0).all()
    assert np.count_nonzero(due < 10) == pytest.approx(5_000, rel=0.1)
    assert np.count_nonzero(due >= 10) == pytest.approx(60_000, rel=0.1)
    assert due.tolist() == arrivals(curve, "poisson", 7).tolist() != arrivals(curve, "poisson", 8).tolist()


def test_a_csv_file_may_begin_with_names_and_at_any_second(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("seconds,rate\n100,1\n160,2.5\n\n")
    curve = read_curve(tmp_path / "trace.csv")
    assert (curve.seconds.tolist(), curve.rates.tolist()) == ([0, 60], [1, 2.5])


def test_every_bad_line_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("seconds,rate\n0,1\n10,-3\nx,1\n5\n20,2\n15,2\n30,nan\n")
    with pytest.raises(InputError) as error:
        read_curve(tmp_path / "trace.csv")
    assert [problem.split("line ")[1].split(":")[0] for problem in error.value.problems] == ["3", "4", "5", "7", "8"]
    assert "second 15: must be from 20" in error.value.problems[3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "0 usable"), ("5,1", "1 usable"), ("5,1\n5,2", "different seconds"), ("0,0\n9,0", "0 throughout")],
)
def test_a_file_without_a_curve_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "trace.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_curve(tmp_path / "trace.csv")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        read_curve(tmp_path / "nowhere.csv")
