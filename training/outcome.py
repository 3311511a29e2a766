"""What a training came to: on each image, over a split, epoch by epoch, and the network itself. No torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Score:
    """Result over a whole split.

    Attributes:
        loss: mean cross-entropy an image, nats.
        correct: images classified right, by class [classes].
        images: images there are, by class [classes].
    """

    loss: float
    correct: np.ndarray
    images: np.ndarray

    @property
    def accuracy(self) -> float:
        return float(self.correct.sum() / self.images.sum())


@dataclass(frozen=True)
class Predictions:
    """Result on each image of a split, by the image's index.

    Attributes:
        classes: how many there are.
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
        """From log probabilities [n, classes], nats, where `labels` [n] are the true classes."""
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
        """Images by true class and predicted class: int64 [classes, classes]."""
        cells = np.bincount(self.labels * self.classes + self.predicted, minlength=self.classes**2)
        return cells.reshape(self.classes, self.classes)

    def worst(self, most: int) -> np.ndarray:
        """Indices of the images misclassified with the highest loss, worst first, `most` at most."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.losses[wrong], kind="stable")][:most]


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; seconds cover its training and its validation."""

    number: int
    train_loss: float
    validation: Score
    seconds: float

    @property
    def merit(self) -> tuple[float, float]:
        """The greater the better: validation accuracy, then the lower loss."""
        return self.validation.accuracy, -self.validation.loss

    def __str__(self) -> str:
        return (
            f"epoch={self.number} train:loss={self.train_loss:.4f} "
            f"validation:loss={self.validation.loss:.4f} validation:accuracy={self.validation.accuracy:.4f}"
        )


@dataclass(frozen=True)
class Outcome:
    """Every epoch in order, and which of them the model has been left at."""

    epochs: list[Epoch]
    best: Epoch


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        write: writes it as an ONNX file; not its weights themselves, which would stay in memory.
        test: what it makes of the test images, by the engine that trained it.
        facts: what else the metrics say of the training.
    """

    outcome: Outcome
    write: Callable[[Path], None]
    test: Predictions
    facts: dict[str, Any] = field(default_factory=dict)
