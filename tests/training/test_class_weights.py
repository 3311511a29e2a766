"""Classes that count the same, whatever their number of images."""

import numpy as np
import pytest

from training.class_weights import class_weights, require_enough_images
from training.errors import InputError
from training.settings import Hyperparameters

BALANCED = Hyperparameters(class_weights="balanced")


def test_images_count_the_same_by_default() -> None:
    assert class_weights(Hyperparameters(), [0, 0, 1]) is None


def test_balanced_classes_have_the_same_weight_in_all_and_images_1_on_average() -> None:
    """The weights of scikit-learn's class_weight="balanced"."""
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(BALANCED, labels)
    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=labels))
    assert weights is not None and weights[labels].mean() == pytest.approx(1)


def test_a_class_of_one_image_may_count_while_its_weight_is_sound() -> None:
    require_enough_images(BALANCED, [0] * 20 + [1], ["cat", "dog"])


def test_a_single_image_that_would_decide_the_training_is_refused_with_the_ways_out() -> None:
    labels = [0] * 997 + [1] + [2] * 2
    with pytest.raises(InputError) as refused:
        require_enough_images(BALANCED, labels, ["cat", "dog", "owl"])
    assert refused.value.problems == [
        "class-weights=balanced would count the only training image of class dog as 333, more than 100: "
        "add images, remove the class, or set class-weights=none",
        "class-weights=balanced would count each of the 2 training images of class owl as 167, more than 100: "
        "add images, remove the class, or set class-weights=none",
    ]
    require_enough_images(Hyperparameters(), labels, ["cat", "dog", "owl"])
