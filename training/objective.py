"""The loss that a network learns by: cross-entropy, weighed by class, smoothed and of mixed images as set."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training.augment import MIXING
from training.class_weights import class_weights
from training.settings import Hyperparameters

_SMOOTHING = 0.1  # "label_smoothing" of the recipes for torchvision's weights IMAGENET1K_V2


class Objective:
    """Sum of the losses of a batch's images, nats.

    Args:
        labels: classes of all training images.
    """

    def __init__(self, settings: Hyperparameters, labels: np.ndarray, device: torch.device) -> None:
        weights = class_weights(settings, labels)
        self._weights = None if weights is None else torch.from_numpy(weights).to(device)
        self._smoothing = _SMOOTHING if settings.augment in MIXING else 0.0

    def __call__(self, logits: Tensor, labels: Tensor, shares: Tensor | None) -> Tensor:
        """Sum of the losses of a batch's images.

        Args:
            logits: [n, classes].
            labels: int64 [n]; [n + 1] if each image is mixed with the one before it.
            shares: of each image in its mixture [n]; None if none is mixed.
        """
        if shares is None:
            return self._losses(logits, labels).sum()
        return (shares * self._losses(logits, labels[1:]) + (1 - shares) * self._losses(logits, labels[:-1])).sum()

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = None if self._weights is None else self._weights.to(logits.dtype)
        return cross_entropy(logits, labels, weights, reduction="none", label_smoothing=self._smoothing)
