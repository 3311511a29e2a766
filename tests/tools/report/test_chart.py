"""Where the lines and ticks of a chart lie."""

import math

import pytest

from tools.report.chart import line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 9.3, [0, 2, 4, 6, 8, 10]),
        (0, 0.0031, [0, 0.001, 0.002, 0.003, 0.004]),
        (1, 20, [0, 5, 10, 15, 20]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_numbers_that_cover_the_values(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_line_goes_from_the_left_to_the_right_edge_with_zero_at_the_bottom() -> None:
    chart = line_chart("", "", "", {"a": [(1, 0.0), (2, 50.0), (3, 100.0)]}, highest=100)
    [line] = chart.lines
    middle = ((chart.left + chart.right) / 2, (chart.bottom + chart.top) / 2)
    assert line.parts == (((chart.left, chart.bottom), middle, (chart.right, chart.top)),)


def test_a_value_that_is_no_number_breaks_the_line_and_one_epoch_is_a_point() -> None:
    chart = line_chart("", "", "", {"a": [(1, 1.0), (2, math.nan), (3, 2.0), (4, math.inf)], "b": []})
    first, empty = chart.lines
    assert [len(part) for part in first.parts] == [1, 1]
    assert empty.parts == ()
    assert [len(part) for part in line_chart("", "", "", {"a": [(1, 0.0)]}).lines[0].parts] == [1]


def test_epochs_have_whole_numbers_alone() -> None:
    chart = line_chart("", "", "", {"a": [(1, 1.0), (2, 2.0)]}, whole=True)
    assert [text for _, text in chart.ticks_x] == ["1", "2"]
