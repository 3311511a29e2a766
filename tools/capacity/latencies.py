"""Percentiles of very many latencies, from counts in bins that grow by 2 %."""

import numpy as np

_LEAST, _GROWTH, _BINS = 1e-3, 1.02, 700  # seconds: from a millisecond to a quarter of an hour


class Latencies:
    """Counts of latencies for each of some parts of the time."""

    def __init__(self, parts: int) -> None:
        self._counts = np.zeros((parts, _BINS), dtype=np.int64)

    def add(self, part: int, seconds: np.ndarray, counts: np.ndarray) -> None:
        """`counts` requests took `seconds`, both of the same shape."""
        some = counts > 0
        bins = np.log(np.maximum(seconds[some], _LEAST) / _LEAST) / np.log(_GROWTH)
        found = np.minimum(bins.astype(np.int64), _BINS - 1)
        self._counts[part] += np.bincount(found, weights=counts[some], minlength=_BINS).astype(np.int64)

    def percentile(self, percent: float) -> float:
        """Of everything, in seconds; NaN of nothing."""
        return float(_percentile(self._counts.sum(axis=0)[None], percent)[0])

    def over_time(self, percent: float) -> np.ndarray:
        """Of each part, in seconds; NaN where there was no request."""
        return _percentile(self._counts, percent)


def _percentile(counts: np.ndarray, percent: float) -> np.ndarray:
    below = np.cumsum(counts, axis=1)
    total = below[:, -1]
    at = (below < np.ceil(total * percent / 100)[:, None]).sum(axis=1)
    return np.where(total > 0, _LEAST * _GROWTH ** (at + 0.5), np.nan)
