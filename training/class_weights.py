"""Weights of the classes in the loss, so that a rare class counts as much as a common one. Imports no PyTorch."""

from collections.abc import Sequence

import numpy as np

from training.errors import InputError
from training.settings import Hyperparameters

MAX_WEIGHT = 100  # of an image: a step with it would undo what many others have learnt


def class_weights(settings: Hyperparameters, labels: Sequence[int] | np.ndarray) -> np.ndarray | None:
    """Weight of an image by class, float32 [classes], 1 on average over the images; None if all count the same."""
    if settings.class_weights == "none":
        return None
    counts = np.bincount(np.asarray(labels))
    return (len(labels) / (len(counts) * counts)).astype(np.float32)


def require_enough_images(settings: Hyperparameters, labels: Sequence[int], classes: Sequence[str]) -> None:
    """Refuses weights with which single images would decide the training.

    Raises:
        InputError: names each class whose images would count too much.
    """
    weights = class_weights(settings, labels)
    if weights is None:
        return
    counts = np.bincount(labels)
    problems = []
    for i in np.flatnonzero(weights > MAX_WEIGHT).tolist():
        images = f"each of the {counts[i]} training images" if counts[i] > 1 else "the only training image"
        problems.append(
            f"class-weights=balanced would count {images} of class {classes[i]} as {weights[i]:.0f}, more than "
            f"{MAX_WEIGHT}: add images, remove the class, or set class-weights=none"
        )
    if problems:
        raise InputError(problems)
