"""The temperature makes probabilities as sure as they are right, and stays within bounds."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from tests.waiting import LIMIT_SECONDS
from training.head import Head
from training.temperature import MAX, MIN, fit_temperature


def drawn(scale: float, images: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits `scale` times those that the labels were drawn by: [images, 4] and [images]."""
    random = np.random.default_rng(0)
    true = random.normal(size=(images, 4)) * 2
    probabilities = np.exp(true) / np.exp(true).sum(1, keepdims=True)
    labels = np.array([random.choice(4, p=row) for row in probabilities])
    return scale * true, labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_it_is_what_the_logits_are_too_large_by(scale: float) -> None:
    logits, labels = drawn(scale)
    assert fit_temperature(logits, labels, len(labels)) == pytest.approx(scale, rel=0.1)


def test_shares_of_the_images_give_what_all_of_them_give() -> None:
    logits, labels = drawn(3.0, 300)
    meeting = Barrier(2)
    parts = [0.0, 0.0]

    def share(number: int) -> float:
        def total(part: float) -> float:
            parts[number] = part
            meeting.wait(LIMIT_SECONDS)
            both = sum(parts)
            meeting.wait(LIMIT_SECONDS)
            return both

        return fit_temperature(logits[number::2], labels[number::2], 300, total)

    with ThreadPoolExecutor(2) as processes:
        found = list(processes.map(share, range(2)))
    assert found == pytest.approx([fit_temperature(logits, labels, 300)] * 2)


@pytest.mark.parametrize("images", [1, 10, 1000])
def test_images_that_are_all_right_give_a_bounded_temperature(images: int) -> None:
    labels = np.arange(images) % 3
    temperature = fit_temperature(np.eye(3)[labels] * 4, labels, images)
    assert MIN < temperature < MAX


def test_images_that_are_all_wrong_give_the_highest() -> None:
    labels = np.arange(9) % 3
    assert fit_temperature(np.eye(3)[labels] * 4, (labels + 1) % 3, 9) == pytest.approx(MAX, rel=1e-3)


def test_a_cooled_head_has_the_probabilities_of_divided_logits() -> None:
    random = np.random.default_rng(0)
    head = Head(random.normal(size=(3, 5)).astype(np.float32), random.normal(size=3).astype(np.float32))
    features = random.normal(size=(7, 5)).astype(np.float32)
    logits = (features @ head.weight.T + head.bias) / 2.5
    expected = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert head.cooled(2.5).log_probabilities(features) == pytest.approx(expected, abs=1e-5)
