"""Accuracy of a split: over all images, by class, and the interval that it stands for."""

import numpy as np
import pytest

from training.outcome import Score, wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(10, 12, 0.552, 0.953), (0, 10, 0, 0.278), (10, 10, 0.722, 1), (81, 263, 0.255, 0.366)],
)
def test_wilsons_interval(right: int, count: int, low: float, high: float) -> None:
    """The last is Newcombe's example (Statistics in Medicine 17, 857-872, 1998, table I)."""
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("correct", "images", "lowest", "accuracy"),
    [([9, 1, 5], [10, 4, 10], 1, 0.25), ([0, 0, 3], [1, 20, 3], 1, 0.0), ([3, 3], [3, 3], 0, 1.0)],
)
def test_the_lowest_class_is_the_one_with_the_lowest_share_and_of_several_the_one_with_the_most_images(
    correct: list[int], images: list[int], lowest: int, accuracy: float
) -> None:
    score = Score(0.1, np.array(correct), np.array(images))
    assert (score.lowest_class, score.lowest_class_accuracy) == (lowest, accuracy)


def test_the_interval_of_a_split_counts_all_of_its_images() -> None:
    assert Score(0.1, np.array([10, 0]), np.array([10, 2])).interval == wilson(10, 12)
