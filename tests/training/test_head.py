"""The last layer on its own: torch's optimizer and schedule, in NumPy."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from training import head
from training.errors import InputError
from training.head import Examples, Head, fit, learning_rate
from training.outcome import Epoch
from training.settings import Hyperparameters


def examples(count: int, views: int = 1, seed: int = 0) -> Examples:
    """Two classes that a line tells apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = random.normal(size=(count, views, 6)).astype(np.float32)
    features[..., 0] += 4 * labels[:, np.newaxis]
    return Examples(features, labels)


@pytest.mark.parametrize("total", [2, 5, 40])
def test_the_learning_rate_is_torchs_one_cycle(total: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1, total_steps=total, pct_start=0.25, cycle_momentum=False
    )
    for step in range(total):
        assert learning_rate(step, total) == pytest.approx(schedule.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        if step < total - 1:
            schedule.step()


def test_a_training_of_a_single_step_learns_at_the_peak_rate() -> None:
    settings = Hyperparameters(epochs=1, batch_size=40, learning_rate=0.5)
    valid = examples(20, seed=1)
    _, outcome = fit(examples(40), valid, classes=2, settings=settings, end_epoch=lambda epoch: None)
    assert learning_rate(0, 1) == 1
    assert outcome.best.validation.accuracy >= 0.9


@pytest.mark.parametrize("weighed", [False, True])
def test_steps_are_torchs(weighed: bool) -> None:
    given = examples(12)
    by_class = torch.tensor([0.5, 3.0] if weighed else [1.0, 1.0])
    weights = by_class[given.labels].numpy() if weighed else None
    layer = torch.nn.Linear(6, 2)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    ours = Head(np.zeros((2, 6), np.float32), np.zeros(2, np.float32))
    momenta = Head(np.zeros((2, 6), np.float32), np.zeros(2, np.float32))
    for _ in range(3):
        logits = layer(torch.from_numpy(given.features[:, 0]))
        loss = cross_entropy(logits, torch.from_numpy(given.labels), by_class, reduction="sum") / 12
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found = head._step(ours, momenta, given.features[:, 0], given.labels, 0.1, weights)
        assert found == pytest.approx(12 * loss.item(), rel=1e-5)
    assert ours.weight == pytest.approx(layer.weight.detach().numpy(), abs=1e-6)
    assert ours.bias == pytest.approx(layer.bias.detach().numpy(), abs=1e-6)


def test_it_learns_and_stays_at_the_best_epoch() -> None:
    reported: list[Epoch] = []
    settings = Hyperparameters(epochs=4, batch_size=8, learning_rate=0.5)
    valid = examples(20, seed=1)
    found, outcome = fit(examples(40, views=3), valid, classes=2, settings=settings, end_epoch=reported.append)
    assert reported == outcome.epochs
    assert outcome.best.validation.accuracy == max(epoch.validation.accuracy for epoch in reported) >= 0.9
    assert found.predictions(valid.features[:, 0], valid.labels).score.loss == outcome.best.validation.loss


@pytest.mark.filterwarnings("error")
def test_a_loss_that_is_no_number_is_told_with_its_step() -> None:
    given = examples(40)
    given.features[...] *= 1e30
    settings = Hyperparameters(epochs=2, batch_size=8, learning_rate=0.5)
    with pytest.raises(InputError, match=r"the loss is not a number in epoch 1, step 2: lower learning-rate \(0\.5\)"):
        fit(given, given, classes=2, settings=settings, end_epoch=lambda _: None)


@pytest.mark.filterwarnings("error")
def test_a_head_that_gives_no_numbers_in_validation_is_no_result() -> None:
    valid = examples(20)
    valid.features[0, 0, 0] = np.inf
    with pytest.raises(InputError, match="not a number in the validation after epoch 1: lower learning-rate"):
        fit(examples(40), valid, classes=2, settings=Hyperparameters(learning_rate=0.5), end_epoch=lambda _: None)


def test_a_rare_class_is_found_when_classes_are_balanced() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 190 + [1] * 10)
    features = random.normal(size=(200, 1, 6)).astype(np.float32)
    features[labels == 1, :, 0] += 1.5  # the classes overlap
    given = Examples(features, labels)

    def found(class_weights: str) -> np.ndarray:
        settings = Hyperparameters(epochs=20, batch_size=20, learning_rate=0.1, class_weights=class_weights)
        learnt, _ = fit(given, given, classes=2, settings=settings, end_epoch=lambda _: None)
        score = learnt.predictions(features[:, 0], labels).score
        return score.correct / score.images  # type: ignore[no-any-return]

    assert found("balanced")[1] >= 0.7 > found("none")[1]
