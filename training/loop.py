"""Training and evaluation: epochs, the best of them on the validation images, one look at the test images."""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import ResNet

from serving.preprocessing import normalise
from training.batches import Batch, evaluation_batches, steps, training_batches
from training.distributed import parallel, summed
from training.environment import Process
from training.images import Images
from training.model import MEAN, STD, training_mode
from training.settings import Settings

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP = 0.25  # part of the steps in which the learning rate rises


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
class Epoch:
    """What one epoch came to; seconds cover its training and its validation."""

    number: int
    train_loss: float
    validation: Score
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """Every epoch in order, and which of them the model has been left at."""

    epochs: list[Epoch]
    best: Epoch


def fit(model: ResNet, images: dict[str, Images], settings: Settings, process: Process) -> Outcome:
    """Trains the model and leaves it at the epoch with the best validation accuracy (then the lower loss)."""
    trained = parallel(model, process)
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=settings.learning_rate,
        total_steps=settings.epochs * steps(len(images["train"]), settings.batch_size, process.world),
        pct_start=WARM_UP,
        cycle_momentum=False,
    )
    epochs: list[Epoch] = []
    best: tuple[Epoch, dict[str, Tensor]] | None = None
    for number in range(1, settings.epochs + 1):
        start = time.perf_counter()
        training_mode(model, settings.trainable)
        loss = _train_one_epoch(trained, optimizer, schedule, images["train"], number, settings, process)
        score = evaluate(model, images["valid"], settings.batch_size, process)
        epoch = Epoch(number, loss, score, time.perf_counter() - start)
        epochs.append(epoch)
        if process.rank == 0:
            print(
                f"epoch={number} train:loss={loss:.4f} "
                f"validation:loss={score.loss:.4f} validation:accuracy={score.accuracy:.4f}",
                flush=True,
            )
        if best is None or _merit(epoch) > _merit(best[0]):
            best = epoch, copy.deepcopy(model.state_dict())
    assert best is not None  # epochs is at least 1
    model.load_state_dict(best[1])
    return Outcome(epochs, best[0])


def evaluate(model: ResNet, images: Images, batch_size: int, process: Process) -> Score:
    """The model's score on all the images; each process looks at its share, and all get the same result."""
    model.eval()
    classes = model.fc.out_features
    loss = 0.0
    correct, counts = np.zeros(classes), np.zeros(classes)
    with torch.inference_mode():
        for batch in evaluation_batches(images, batch_size=batch_size, process=process):
            logits = model(_pixels(batch))
            labels = torch.from_numpy(batch.labels)
            loss += cross_entropy(logits, labels, reduction="sum").item()
            right = batch.labels[(logits.argmax(1) == labels).numpy()]
            correct += np.bincount(right, minlength=classes)
            counts += np.bincount(batch.labels, minlength=classes)
    totals = summed(torch.from_numpy(np.concatenate([[loss], correct, counts]))).numpy()
    correct, counts = totals[1:].reshape(2, classes).astype(int)
    return Score(float(totals[0] / counts.sum()), correct, counts)


def _train_one_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    images: Images,
    epoch: int,
    settings: Settings,
    process: Process,
) -> float:
    """One step a batch; the mean loss an image over all processes."""
    total = torch.zeros(1, dtype=torch.float64)
    batches = training_batches(images, batch_size=settings.batch_size, seed=settings.seed, epoch=epoch, process=process)
    for batch in batches:
        loss = cross_entropy(model(_pixels(batch)), torch.from_numpy(batch.labels), reduction="sum")
        total += loss.detach()
        optimizer.zero_grad(set_to_none=True)
        # the processes' gradients are averaged, though their shares differ by an image: weigh by images
        (loss * (process.world / batch.total)).backward()
        optimizer.step()
        schedule.step()
    return summed(total).item() / len(images)


def _pixels(batch: Batch) -> Tensor:
    """Network input of the batch, float32 [n, 3, size, size]."""
    return torch.from_numpy(normalise(batch.pixels, MEAN, STD))


def _merit(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation.accuracy, -epoch.validation.loss
