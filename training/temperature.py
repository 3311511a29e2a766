"""Calibration of probabilities: the logits are divided by a temperature, fitted on the validation images.

A network trained to the end is usually overconfident; dividing by a temperature above 1 changes no label.
Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import math
from collections.abc import Callable

import numpy as np

MIN, MAX = 0.05, 20.0
HALVINGS = 24


def fit_temperature(
    logits: np.ndarray, labels: np.ndarray, images: int, total: Callable[[float], float] = float
) -> float:
    """The temperature, from MIN to MAX, with the lowest mean cross-entropy.

    Args:
        logits: of this process's share of the images [n, classes]; log probabilities give the same result.
        labels: their true classes, int64 [n].
        images: number of images over all processes.
        total: sums a number over all processes; each process calls it equally often.
    """
    # 1 / (images + 1) of each label is spread over all classes, as in Platt's scaling: if every image were classified
    # correctly, the temperature would have no lower bound
    spread = 1 / (images + 1)
    logits = logits.astype(np.float64)
    target = (1 - spread) * logits[np.arange(len(labels)), labels] + spread * logits.mean(1)

    def slope(inverse: float) -> float:
        """Slope of the cross-entropy, which is convex in the inverse of the temperature."""
        scaled = np.exp(inverse * (logits - logits.max(1, keepdims=True)))
        return total(float(((scaled * logits).sum(1) / scaled.sum(1) - target).sum()))

    low, high = math.log(1 / MAX), math.log(1 / MIN)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(math.exp(middle)) > 0 else (middle, high)
    return math.exp(-(low + high) / 2)
