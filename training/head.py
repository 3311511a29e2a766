"""Training of the last layer alone, on features: multinomial logistic regression. Imports no PyTorch.

The optimizer is that of the whole network: SGD with Nesterov momentum as in torch.optim.SGD, and the one-cycle schedule
of torch.optim.lr_scheduler.OneCycleLR.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.batches import steps
from training.class_weights import class_weights
from training.errors import InputError
from training.outcome import Epoch, History, Predictions
from training.settings import Hyperparameters

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP = 0.25  # share of the steps in which the learning rate rises
START, END = 1 / 25, 1 / 25e4  # learning rate at the first and the last step, as a share of the peak


@dataclass(frozen=True)
class Head:
    """A linear layer: `weight` float32 [classes, features], `bias` float32 [classes]."""

    weight: np.ndarray
    bias: np.ndarray

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Log probabilities, nats, [n, classes] of features [n, features]."""
        logits = features @ self.weight.T + self.bias
        logits -= logits.max(1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))

    def uncentred(self, centre: np.ndarray) -> "Head":
        """A copy for plain features, of a head for features minus `centre` [features]."""
        return Head(self.weight.copy(), self.bias - self.weight @ centre)

    def cooled(self, temperature: float) -> "Head":
        """A copy with its logits divided by the temperature."""
        return Head(self.weight / np.float32(temperature), self.bias / np.float32(temperature))

    def predictions(self, features: np.ndarray, labels: np.ndarray) -> Predictions:
        return Predictions.of(self.log_probabilities(features), labels)


@dataclass(frozen=True)
class Examples:
    """Features of images, float32 [n, views, features], and their classes, int64 [n]."""

    features: np.ndarray
    labels: np.ndarray


def fit(
    train: Examples, valid: Examples, *, classes: int, settings: Hyperparameters, end_epoch: Callable[[Epoch], None]
) -> tuple[Head, History]:
    """The head at the epoch with the best validation accuracy, then the lower loss.

    Each epoch uses every image once, in one of its views.

    Args:
        end_epoch: called after each epoch; may raise to stop the training.

    Raises:
        InputError: the training diverges.
    """
    images, views, count = train.features.shape
    # features are never negative: without centring, all gradients point the same way, and only small steps are stable
    centre = train.features.mean((0, 1))
    head = Head(np.zeros((classes, count), np.float32), np.zeros(classes, np.float32))
    momenta = Head(np.zeros_like(head.weight), np.zeros_like(head.bias))
    an_epoch = steps(images, settings.batch_size, 1)
    of_class = class_weights(settings, train.labels)
    epochs: list[Epoch] = []
    best = head
    for number in range(1, settings.epochs + 1):
        start = time.perf_counter()
        random = np.random.default_rng([settings.seed, number])
        order = random.permutation(images)
        seen = random.integers(0, views, (images,))
        loss = 0.0
        for step, batch in enumerate(np.array_split(order, an_epoch), 1):
            done = (number - 1) * an_epoch + step - 1
            rate = learning_rate(done, settings.epochs * an_epoch) * settings.learning_rate
            weights = None if of_class is None else of_class[train.labels[batch]]
            features = train.features[batch, seen[batch]] - centre
            with np.errstate(over="ignore", invalid="ignore"):  # told by the loss
                of_step = _step(head, momenta, features, train.labels[batch], rate, weights)
            require_number(of_step, f"epoch {number}, step {step}", settings)
            loss += of_step
        current = head.uncentred(centre)
        with np.errstate(over="ignore", invalid="ignore"):
            score = current.predictions(valid.features[:, 0], valid.labels).score
        require_number(score.loss, f"the validation after epoch {number}", settings)
        epochs.append(Epoch(number, loss / images, score, time.perf_counter() - start))
        end_epoch(epochs[-1])
        if epochs[-1] is max(epochs, key=lambda epoch: epoch.merit):
            best = current
    return best, History(epochs, max(epochs, key=lambda epoch: epoch.merit))


def require_number(loss: float, place: str, settings: Hyperparameters) -> None:
    """Raises InputError if the loss at that place of the training is not a number."""
    if not math.isfinite(loss):
        raise InputError(f"the loss is not a number in {place}: lower learning-rate ({settings.learning_rate:g})")


def learning_rate(step: int, total: int) -> float:
    """Share of the peak rate at a step: up from 1/25 and down to almost 0, along half cosines.

    A single step is taken at the peak: at the schedule's last value it would learn nothing.
    """
    if total == 1:
        return 1.0
    top = WARM_UP * total - 1
    if step <= top:
        return _between(START, 1.0, step / top if top else 1.0)
    return _between(1.0, END, (step - top) / (total - 1 - top))


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _step(
    head: Head, momenta: Head, features: np.ndarray, labels: np.ndarray, rate: float, weights: np.ndarray | None = None
) -> float:
    """Moves the head down the gradient of the batch's mean cross-entropy; returns its sum before, nats.

    Args:
        weights: of each image [n]; None if all count the same.
    """
    log_probabilities = head.log_probabilities(features)
    own = (np.arange(len(labels)), labels)
    error = np.exp(log_probabilities)
    error[own] -= 1
    error /= len(labels)
    losses = -log_probabilities[own]
    if weights is not None:
        error *= weights[:, None]
        losses *= weights
    for value, momentum, gradient in (
        (head.weight, momenta.weight, error.T @ features),
        (head.bias, momenta.bias, error.sum(0)),
    ):
        gradient += WEIGHT_DECAY * value
        momentum *= MOMENTUM
        momentum += gradient
        value -= np.float32(rate) * (gradient + MOMENTUM * momentum)
    return float(losses.sum())
