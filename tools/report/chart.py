"""Line charts as numbers: where lines, ticks and marks lie in an SVG, which a template draws with text as text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 44
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class DrawnLine:
    """A line of a chart: its name, and the places of its points, one list for each unbroken part."""

    name: str
    parts: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class LineChart:
    """A chart in units of its SVG; `ticks_x` and `ticks_y` have place and text, `mark` is where a vertical line is."""

    title: str
    label_x: str
    label_y: str
    lines: tuple[DrawnLine, ...]
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    mark: float | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def line_chart(
    title: str,
    label_x: str,
    label_y: str,
    lines: Mapping[str, Points],
    *,
    highest: float | None = None,
    mark: float | None = None,
    whole: bool = False,
) -> LineChart:
    """Lay out lines over x; y begins at 0. Values that are no finite number break a line.

    Args:
        highest: upper end of y; default: the next round number over all values.
        mark: value of x at which a vertical line stands.
        whole: x has whole numbers alone.
    """
    points = [point for line in lines.values() for point in line if math.isfinite(point[1])]
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points]
    ticks_y = ticks(0, highest or max(ys, default=1) or 1)
    top = highest or ticks_y[-1]
    low, high = min(xs), max(xs)
    ticks_x = [tick for tick in ticks(low, high) if low <= tick <= high and not (whole and tick % 1)]
    chart = LineChart(title, label_x, label_y, (), (), ())

    def at_x(x: float) -> float:
        share = (x - low) / (high - low) if high > low else 0.5
        return round(chart.left + share * (chart.right - chart.left), 1)

    def at_y(y: float) -> float:
        return round(chart.bottom - min(y / top, 1) * (chart.bottom - chart.top), 1)

    drawn = [
        DrawnLine(name, tuple(tuple((at_x(x), at_y(y)) for x, y in part) for part in _unbroken(line)))
        for name, line in lines.items()
    ]
    return LineChart(
        title,
        label_x,
        label_y,
        tuple(drawn),
        tuple((at_x(tick), f"{tick:g}") for tick in ticks_x or [low]),
        tuple((at_y(tick), f"{tick:g}") for tick in ticks_y if tick <= top),
        None if mark is None else at_x(mark),
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from `low` to `high`; the last is `high` or over it."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _unbroken(line: Points) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = [[]]
    for point in line:
        if math.isfinite(point[1]):
            parts[-1].append(point)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
