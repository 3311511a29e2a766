"""Traffic to plan for: two that are built in, or a CSV file's."""

from pathlib import Path

import numpy as np

from load.curve import Curve, read_curve

BUILT_IN = ("day", "flash")
_DAY = 86400.0


def trace(name: str, peak: float) -> Curve:
    """A built-in one whose highest rate is `peak` requests a second, or that of the CSV file `name`, as it is.

    Raises:
        InputError: the file cannot be used.
    """
    match name:
        case "day":
            return _day(peak)
        case "flash":
            return _flash(peak)
        case _:
            return read_curve(Path(name))


def _day(peak: float) -> Curve:
    """Midnight to midnight: a tenth of the peak at four in the morning, the peak at four in the afternoon."""
    seconds = np.linspace(0, _DAY, 24 * 4 + 1)
    wave = (1 - np.cos(2 * np.pi * (seconds - 4 * 3600) / _DAY)) / 2
    return Curve(seconds, peak * (0.1 + 0.9 * wave))


def _flash(peak: float) -> Curve:
    """Two hours at a tenth of the peak; after half an hour the peak within a minute, for ten, gone after ten more."""
    low = peak / 10
    points = [(0, low), (1800, low), (1860, peak), (2460, peak), (3060, low), (7200, low)]
    seconds, rates = np.array(points, dtype=float).T
    return Curve(seconds, rates)
