"""When requests are sent: decided before the first is, so that a slow answer delays none (open loop)."""

from typing import Literal

import numpy as np

from tools.load.curve import Curve

Spacing = Literal["poisson", "constant"]


def arrivals(curve: Curve, spacing: Spacing, seed: int) -> np.ndarray:
    """Seconds from the start at which to send, float64 [n], rising.

    `poisson` is what many independent callers make, `constant` is evenly spaced; the same seed gives the same times.
    """
    total = float(curve.requests(np.array([curve.duration]))[0])
    if spacing == "constant":
        return curve.times(np.arange(0.5, total))
    count = np.random.default_rng(seed).poisson(total)
    return curve.times(np.sort(np.random.default_rng([seed, 1]).uniform(0, total, count)))
