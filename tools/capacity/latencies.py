"""Percentiles of many latencies, from a histogram whose bins grow by 2 %."""

import numpy as np

_MIN_SECONDS, _GROWTH, _BINS = 1e-3, 1.02, 700  # bins from a millisecond to about a quarter of an hour


class Latencies:
    """Histograms of latencies, one for each of `parts` parts of the simulated time."""

    def __init__(self, parts: int) -> None:
        self._counts = np.zeros((parts, _BINS), dtype=np.int64)

    def add(self, part: int, seconds: np.ndarray, counts: np.ndarray) -> None:
        """Add `counts` requests with latencies `seconds`; both arrays have the same shape."""
        some = counts > 0
        bins = np.log(np.maximum(seconds[some], _MIN_SECONDS) / _MIN_SECONDS) / np.log(_GROWTH)
        found = np.minimum(bins.astype(np.int64), _BINS - 1)
        self._counts[part] += np.bincount(found, weights=counts[some], minlength=_BINS).astype(np.int64)

    def percentile(self, percent: float) -> float:
        """Percentile over the whole time, in seconds; NaN without requests."""
        return float(_percentile(self._counts.sum(axis=0)[None], percent)[0])

    def over_time(self, percent: float) -> np.ndarray:
        """Percentile of each part of the time, in seconds, [parts]; NaN for a part without requests."""
        return _percentile(self._counts, percent)


def _percentile(counts: np.ndarray, percent: float) -> np.ndarray:
    below = np.cumsum(counts, axis=1)
    total = below[:, -1]
    at = (below < np.ceil(total * percent / 100)[:, None]).sum(axis=1)
    return np.where(total > 0, _MIN_SECONDS * _GROWTH ** (at + 0.5), np.nan)
