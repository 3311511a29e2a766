"""The loss as the settings want it; PyTorch's own loss is the measure."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from training.objective import Objective
from training.settings import Hyperparameters

CPU = torch.device("cpu")
LABELS = np.array([0] * 6 + [1] * 3 + [2])
LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0]])


def test_it_is_the_sum_of_cross_entropies() -> None:
    labels = torch.tensor([0, 1, 2])
    found = Objective(Hyperparameters(), LABELS, CPU)(LOGITS, labels, None)
    assert found == pytest.approx(cross_entropy(LOGITS, labels, reduction="sum").item())


def test_balanced_classes_weigh_their_images() -> None:
    labels = torch.tensor([0, 1, 2])
    found = Objective(Hyperparameters(class_weights="balanced"), LABELS, CPU)(LOGITS, labels, None)
    weights = torch.tensor([10 / 18, 10 / 9, 10 / 3])
    assert found.item() == pytest.approx(cross_entropy(LOGITS, labels, weights, reduction="sum").item())


def test_a_mixture_is_as_much_of_each_class_as_of_each_image() -> None:
    """torchvision's references/classification: mixup makes such targets, the loss smooths them by 0.1."""
    labels, shares = torch.tensor([2, 0, 1, 2]), torch.tensor([0.9, 0.5, 0.2])
    found = Objective(Hyperparameters(augment="strong"), LABELS, CPU)(LOGITS, labels, shares)
    classes = one_hot(labels, 3).float()
    targets = shares[:, None] * classes[1:] + (1 - shares[:, None]) * classes[:-1]
    assert found.item() == pytest.approx(cross_entropy(LOGITS, targets, reduction="sum", label_smoothing=0.1).item())
