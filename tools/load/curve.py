"""Request rate over time: replayed by the load test, planned for by the capacity simulator."""

import csv
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from training.errors import InputError

COLUMNS = "two columns, seconds and requests a second, such as 60,12.5"
MAX_SECONDS = 366 * 86400
MAX_RATE = 1e6  # requests a second


@dataclass(frozen=True)
class Curve:
    """Request rate as straight lines between points; two points at the same second are a jump.

    Attributes:
        seconds: time of each point, float64 [n], n at least 2; starts at 0 and never decreases.
        rates: requests a second at each point, float64 [n].
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
        """Requests a second at each of `times` (seconds, within the curve); at a jump, the rate after it."""
        at, slope = self._line(self.seconds, times)
        return self.rates[at] + slope * (times - self.seconds[at])

    def requests(self, times: np.ndarray) -> np.ndarray:
        """Expected number of requests from second 0 to each of `times`."""
        at, slope = self._line(self.seconds, times)
        since = times - self.seconds[at]
        return self._before[at] + since * (self.rates[at] + slope * since / 2)

    def times(self, requests: np.ndarray) -> np.ndarray:
        """Second by which each number of requests is expected: the inverse of the method `requests`."""
        at, slope = self._line(self._before, requests)
        start, more = self.rates[at], requests - self._before[at]
        root = np.sqrt(np.maximum(start**2 + 2 * slope * more, 0))
        return self.seconds[at] + np.divide(2 * more, start + root, out=np.zeros_like(more), where=more > 0)

    @cached_property
    def _before(self) -> np.ndarray:
        """Expected number of requests up to each point."""
        areas = np.diff(self.seconds) * (self.rates[1:] + self.rates[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(areas)])

    def _line(self, points: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Index of the first point of the line that each value lies on, and the line's slope (requests a second²)."""
        at = np.clip(np.searchsorted(points, values, side="right") - 1, 0, len(points) - 2)
        width, rise = np.diff(self.seconds)[at], np.diff(self.rates)[at]
        return at, np.divide(rise, width, out=np.zeros(rise.shape), where=width > 0)


def read_curve(path: Path) -> Curve:
    """Read a curve from a CSV file with the columns seconds and requests a second; a header line is skipped.

    Raises:
        InputError: all problems of the file at once, each with its line number.
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
        problems.append(f"{path}: {len(points)} usable line(s); a curve needs two points at different seconds")
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
    if not 0 <= rate <= MAX_RATE:
        raise ValueError(f"{rate:g} requests a second: must be from 0 to {MAX_RATE:,.0f}")
    if not last <= second <= MAX_SECONDS:
        raise ValueError(f"second {second:g}: must be from {last:g}, the line before, to {MAX_SECONDS:,}")
    return second, rate


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
