"""Built-in traffic curves; `peak` is their highest rate in requests a second."""

import numpy as np

from tools.load.curve import Curve

_DAY = 86400.0


def day(peak: float) -> Curve:
    """One day from midnight: a sine wave from a tenth of the peak at 04:00 to the peak at 16:00."""
    seconds = np.linspace(0, _DAY, 24 * 4 + 1)
    wave = (1 - np.cos(2 * np.pi * (seconds - 4 * 3600) / _DAY)) / 2
    return Curve(seconds, peak * (0.1 + 0.9 * wave))


def flash(peak: float) -> Curve:
    """Flash crowd: two hours at a tenth of the peak, but for one quick rise to it.

    The rise begins after 30 min and takes 1 min; the peak lasts 10 min, and the way back down 10 min.
    """
    low = peak / 10
    points = [(0, low), (1800, low), (1860, peak), (2460, peak), (3060, low), (7200, low)]
    seconds, rates = np.array(points, dtype=float).T
    return Curve(seconds, rates)


BUILT_IN = {"day": day, "flash": flash}
