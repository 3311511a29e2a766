"""Traffic to plan for that is built in; `peak` is its highest rate, requests a second."""

import numpy as np

from tools.load.curve import Curve

_DAY = 86400.0


def day(peak: float) -> Curve:
    """Midnight to midnight: a tenth of the peak at four in the morning, the peak at four in the afternoon."""
    seconds = np.linspace(0, _DAY, 24 * 4 + 1)
    wave = (1 - np.cos(2 * np.pi * (seconds - 4 * 3600) / _DAY)) / 2
    return Curve(seconds, peak * (0.1 + 0.9 * wave))


def flash(peak: float) -> Curve:
    """Two hours at a tenth of the peak; after half an hour the peak within a minute, for ten, gone after ten more."""
    low = peak / 10
    points = [(0, low), (1800, low), (1860, peak), (2460, peak), (3060, low), (7200, low)]
    seconds, rates = np.array(points, dtype=float).T
    return Curve(seconds, rates)


BUILT_IN = {"day": day, "flash": flash}
