"""A rate of requests over time: what a load test replays and the capacity simulator plans for."""

import csv
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from training.errors import InputError

COLUMNS = "two columns, seconds and requests a second, such as 60,12.5"
LONGEST_SECONDS = 366 * 86400
HIGHEST_RATE = 1e6  # requests a second


@dataclass(frozen=True)
class Curve:
    """Straight lines between the points; two points at the same second are a jump.

    `seconds` from 0, never falling, and `rates` in requests a second, both float64 [n], n at least 2.
    """

    seconds: np.ndarray
    rates: np.ndarray

    @classmethod
    def constant(cls, rate: float, seconds: float) -> "Curve":
        return cls(np.array([0.0, seconds]), np.array([rate, rate], dtype=float))

    @property
    def duration(self) -> float:
        return float(self.seconds[-1])

    def rate(self, times: np.ndarray) -> np.ndarray:
        """Requests a second at each of `times`, which are within the curve; at a jump, those after it."""
        at, slope = self._line(self.seconds, times)
        return self.rates[at] + slope * (times - self.seconds[at])

    def requests(self, times: np.ndarray) -> np.ndarray:
        """Requests that are expected from 0 until each of `times`."""
        at, slope = self._line(self.seconds, times)
        since = times - self.seconds[at]
        return self._before[at] + since * (self.rates[at] + slope * since / 2)

    def times(self, requests: np.ndarray) -> np.ndarray:
        """The second by which each number of `requests` is expected: the inverse of `requests`."""
        at, slope = self._line(self._before, requests)
        start, more = self.rates[at], requests - self._before[at]
        root = np.sqrt(np.maximum(start**2 + 2 * slope * more, 0))
        return self.seconds[at] + np.divide(2 * more, start + root, out=np.zeros_like(more), where=more > 0)

    @cached_property
    def _before(self) -> np.ndarray:
        """Requests expected until each point."""
        areas = np.diff(self.seconds) * (self.rates[1:] + self.rates[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(areas)])

    def _line(self, points: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The line that each value is on, by its first point's index, and its slope in requests a second squared."""
        at = np.clip(np.searchsorted(points, values, side="right") - 1, 0, len(points) - 2)
        width, rise = np.diff(self.seconds)[at], np.diff(self.rates)[at]
        return at, np.divide(rise, width, out=np.zeros(rise.shape), where=width > 0)


def read_curve(path: Path) -> Curve:
    """The curve in a CSV file of seconds and requests a second; a first line of names is skipped.

    Raises:
        InputError: every problem of the file, each with its line.
    """
    try:
        lines = list(enumerate(csv.reader(path.read_text().splitlines()), start=1))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {error}; give a CSV file of {COLUMNS}") from None
    problems: list[str] = []
    points: list[tuple[float, float]] = []
    for number, row in lines:
        if not any(cell.strip() for cell in row) or (number == 1 and not any(map(_is_number, row))):
            continue
        try:
            points.append(_point(row, points[-1][0] if points else 0.0))
        except ValueError as problem:
            problems.append(f"{path} line {number}: {problem}")
    if not problems and (len(points) < 2 or points[-1][0] == points[0][0]):
        problems.append(f"{path}: {len(points)} usable line(s); a curve takes two points at different seconds")
    if not problems and not any(rate for _, rate in points):
        problems.append(f"{path}: the rate is 0 throughout")
    if problems:
        raise InputError(problems)
    seconds, rates = np.array(points).T
    return Curve(seconds - seconds[0], rates)


def _point(row: list[str], last: float) -> tuple[float, float]:
    if len(row) != 2 or not all(map(_is_number, row)):
        raise ValueError(f"{','.join(row)!r} is not {COLUMNS}")
    second, rate = map(float, row)
    if not 0 <= rate <= HIGHEST_RATE:
        raise ValueError(f"{rate:g} requests a second: must be from 0 to {HIGHEST_RATE:,.0f}")
    if not last <= second <= LONGEST_SECONDS:
        raise ValueError(f"second {second:g}: must be from {last:g}, the line before, to {LONGEST_SECONDS:,}")
    return second, rate


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
