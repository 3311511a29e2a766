"""Send times of an open-loop load test, computed in advance so that a slow answer delays no later request."""

from typing import Literal

import numpy as np

from tools.load.curve import Curve

Spacing = Literal["poisson", "constant"]


def arrivals(curve: Curve, spacing: Spacing, seed: int) -> np.ndarray:
    """Send times in seconds from the start: float64 [n], ascending.

    `poisson` models many independent callers; `constant` is evenly spaced. The same seed gives the same times.
    """
    total = float(curve.requests(np.array([curve.duration]))[0])
    if spacing == "constant":
        return curve.times(np.arange(0.5, total))
    count = np.random.default_rng(seed).poisson(total)
    return curve.times(np.sort(np.random.default_rng([seed, 1]).uniform(0, total, count)))
