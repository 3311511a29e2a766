"""Results of a training: for each image, for a split, for each epoch, and the network. Imports no PyTorch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score: shares that `right` of `count` may well come from."""
    z = 1.96
    centre = (right + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(right * (count - right) / count + z * z / 4)
    return max(centre - half, 0.0), min(centre + half, 1.0)  # rounding leads over the ends


@dataclass(frozen=True)
class Score:
    """Result for a whole split.

    Attributes:
        loss: mean cross-entropy an image, nats.
        correct: number of images classified correctly, by class [classes].
        images: number of images, by class [classes].
    """

    loss: float
    correct: np.ndarray
    images: np.ndarray

    @property
    def accuracy(self) -> float:
        return float(self.correct.sum() / self.images.sum())

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share of each that is classified correctly, whatever their sizes."""
        return float((self.correct / self.images).mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson(int(self.correct.sum()), int(self.images.sum()))

    @property
    def lowest_class(self) -> int:
        """The class with the lowest accuracy; of several, the one with the most images."""
        return int(np.lexsort((-self.images, self.correct / self.images))[0])

    @property
    def lowest_class_accuracy(self) -> float:
        return float(self.correct[self.lowest_class] / self.images[self.lowest_class])


@dataclass(frozen=True)
class Predictions:
    """Result for each image of a split, by the image's index.

    Attributes:
        classes: number of classes.
        labels: the true class, int64 [n].
        predicted: the most probable class, int64 [n].
        confidence: its probability, float64 [n], 0 to 1.
        losses: cross-entropy, float64 [n], nats.
    """

    classes: int
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    losses: np.ndarray

    @classmethod
    def of(cls, log_probabilities: np.ndarray, labels: np.ndarray) -> "Predictions":
        """Predictions from log probabilities [n, classes], nats; `labels` [n] are the true classes."""
        best = log_probabilities.argmax(1)
        each = np.arange(len(labels))
        confidence, losses = np.exp(log_probabilities[each, best]), -log_probabilities[each, labels]
        classes = log_probabilities.shape[1]
        return cls(classes, labels, best, confidence.astype(np.float64), losses.astype(np.float64))

    @property
    def score(self) -> Score:
        confusion = self.confusion
        return Score(float(self.losses.mean()), confusion.diagonal(), confusion.sum(1))

    @property
    def confusion(self) -> np.ndarray:
        """Number of images by true class and predicted class: int64 [classes, classes]."""
        cells = np.bincount(self.labels * self.classes + self.predicted, minlength=self.classes**2)
        return cells.reshape(self.classes, self.classes)

    def worst(self, count: int) -> np.ndarray:
        """Indices of the misclassified images with the highest loss, worst first, at most `count`."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.losses[wrong], kind="stable")][:count]


@dataclass(frozen=True)
class Epoch:
    """Result of one epoch; `seconds` cover its training and its validation."""

    number: int
    train_loss: float
    validation: Score
    seconds: float

    @property
    def merit(self) -> tuple[float, float]:
        """Sort key, the best epoch last: validation accuracy, then the lower loss."""
        return self.validation.accuracy, -self.validation.loss

    def __str__(self) -> str:
        return (
            f"epoch={self.number} train:loss={self.train_loss:.4f} "
            f"validation:loss={self.validation.loss:.4f} validation:accuracy={self.validation.accuracy:.4f}"
        )


@dataclass(frozen=True)
class History:
    """All epochs in order, and the best one, at which the model was left."""

    epochs: list[Epoch]
    best: Epoch


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        write: writes it as an ONNX file; a function, so that no weights stay in memory.
        test: its predictions for the test images, by the engine that trained it.
        facts: further entries of metrics.json.
    """

    history: History
    write: Callable[[Path], None]
    test: Predictions
    facts: dict[str, Any] = field(default_factory=dict)
