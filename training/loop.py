"""Epochs, evaluation and calibration of a network in PyTorch."""

import math
import time
from threading import Event

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torchvision.models import ResNet

from serving.preprocessing import normalise
from training.batches import Batch, evaluation_batches, steps, training_batches
from training.checkpoint import Checkpoints, TrainingState
from training.device import arithmetic, moved
from training.distributed import parallel, summed
from training.environment import Process
from training.errors import InputError, Stopped
from training.head import MOMENTUM, WARM_UP, WEIGHT_DECAY
from training.images import Images
from training.model import training_mode
from training.outcome import Epoch, History, Predictions
from training.phases import Phases
from training.progress import EpochProgress
from training.resnet import MEAN, STD
from training.settings import Hyperparameters
from training.temperature import fit_temperature


def fit(
    model: ResNet,
    images: dict[str, Images],
    settings: Hyperparameters,
    process: Process,
    checkpoints: Checkpoints | None = None,
    stop: Event | None = None,
    phases: Phases | None = None,
) -> History:
    """Trains the model and leaves it at the epoch with the best validation accuracy, then the lower loss.

    Args:
        checkpoints: where training resumes from, saved after each epoch; None saves nothing.
        stop: set to stop the run after its current step; None never stops it.
        phases: clock that counts the evaluation after each epoch.

    Raises:
        Stopped: `stop` is set, here or in another process; the checkpoint is written.
        InputError: the checkpoint is of another run, or differs between processes; the training diverges.
    """
    checkpoints, stop, phases = checkpoints or Checkpoints(), stop or Event(), phases or Phases()
    trained = parallel(model, process)
    if settings.compile == "always":
        trained = torch.compile(trained)  # type: ignore[assignment]
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        nesterov=True,
    )
    total = settings.epochs * steps(len(images["train"]), settings.batch_size, process.world)
    state = TrainingState(model, optimizer, _schedule(optimizer, settings.learning_rate, total))
    _resume(state, checkpoints, process)
    while len(state.epochs) < settings.epochs:
        start = time.perf_counter() - state.seconds
        training_mode(model, settings.trainable)
        loss = _train_one_epoch(trained, state, images["train"], settings, process, checkpoints, stop)
        speed = len(images["train"]) / (time.perf_counter() - start)
        with phases.of("evaluate"):
            score = predict(model, images["valid"], settings.batch_size, process).score
        epoch = Epoch(len(state.epochs) + 1, loss, score, time.perf_counter() - start)
        state.end_epoch(epoch)
        checkpoints.save(state.to_dict())
        if process.rank == 0:
            print(f"{epoch} train:images_per_second={speed:.4g}", flush=True)
    assert state.best is not None  # epochs is at least 1
    best, parameters = state.best
    model.load_state_dict(parameters)
    return History(state.epochs, state.epochs[best])


def _schedule(optimizer: Optimizer, peak: float, total: int) -> LRScheduler:
    """One cycle in `total` steps. A single step is taken at the peak: at the end of a cycle it would learn nothing."""
    if total == 1:
        return ConstantLR(optimizer, factor=1.0)
    return OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=total,
        pct_start=WARM_UP if WARM_UP * total != 1 else 2 * WARM_UP,  # torch divides by the length of the rise less one
        cycle_momentum=False,
    )


def predict(model: ResNet, images: Images, batch_size: int, process: Process) -> Predictions:
    """Predictions of the model for all images. Each process evaluates its share; all get the whole."""
    model.eval()
    own = []
    with torch.inference_mode():
        for batch in evaluation_batches(images, batch_size=batch_size, process=process):
            logits, labels = _classify(model, batch)
            confidence, predicted = logits.softmax(1).max(1)
            losses = cross_entropy(logits, labels, reduction="none")
            own.append(torch.stack([predicted.double(), confidence.double(), losses.double()], 1).cpu())
    whole = torch.zeros(len(images), 3, dtype=torch.float64)
    if own:
        whole[process.rank :: process.world] = torch.cat(own)
    predicted, confidence, losses = summed(whole).numpy().T
    return Predictions(model.fc.out_features, images.labels, predicted.astype(int), confidence, losses)


def calibrate(model: ResNet, images: Images, batch_size: int, process: Process) -> float:
    """Scales the last layer so that logits are divided by the temperature that fits the images; returns it."""
    model.eval()
    with torch.inference_mode():
        own = [
            tuple(part.cpu().numpy() for part in _classify(model, batch))
            for batch in evaluation_batches(images, batch_size=batch_size, process=process)
        ]
    logits = np.concatenate([np.empty((0, model.fc.out_features)), *(logits for logits, _ in own)])
    labels = np.concatenate([np.empty(0, np.int64), *(labels for _, labels in own)])

    def total(part: float) -> float:
        return float(summed(torch.tensor([part], dtype=torch.float64)))

    temperature = fit_temperature(logits, labels, len(images), total)
    with torch.no_grad():
        for parameter in model.fc.parameters():
            parameter /= temperature
    return temperature


def _resume(state: TrainingState, checkpoints: Checkpoints, process: Process) -> None:
    """Resumes from the checkpoint, if there is one, after all processes have found the same."""
    if saved := checkpoints.load():
        state.restore(saved)
    epochs, step = len(state.epochs), state.step
    found = torch.tensor([epochs, step, epochs**2, step**2], dtype=torch.float64)
    total, square = summed(found).reshape(2, 2) / process.world
    if not torch.equal(total**2, square):  # equal only if all processes have the same numbers
        raise InputError(f"the processes' checkpoints in {checkpoints.folder} differ: share the folder, or remove them")
    if saved and process.rank == 0:
        print(f"going on after {epochs} epochs and {step} steps, from {checkpoints.folder}", flush=True)


def _train_one_epoch(
    model: nn.Module,
    state: TrainingState,
    images: Images,
    settings: Hyperparameters,
    process: Process,
    checkpoints: Checkpoints,
    stop: Event,
) -> float:
    """Takes the remaining steps of the epoch; returns the mean loss an image, over all processes and all its steps."""
    number = len(state.epochs) + 1
    start = time.perf_counter() - state.seconds
    count = steps(len(images), settings.batch_size, process.world)
    batches = training_batches(
        images, batch_size=settings.batch_size, seed=settings.seed, epoch=number, process=process, skip=state.step
    )
    with EpochProgress(number, count, quiet=process.rank != 0) as progress:
        for batch in batches:
            loss = _take_step(model, state, batch, process)
            # all processes stop at the same step
            total, stopping = summed(torch.tensor([loss, stop.is_set()], dtype=torch.float64)).tolist()
            if not math.isfinite(total):
                raise InputError(
                    f"the loss is not a number in epoch {number}, step {state.step}: "
                    f"lower learning-rate ({settings.learning_rate:g})"
                )
            state.loss += total
            progress.step(state.step, total, batch.total)
            if stopping:
                state.seconds = time.perf_counter() - start
                checkpoints.save(state.to_dict())
                raise Stopped(f"stopped as asked (SIGTERM) in epoch {number} after step {state.step}: {checkpoints}")
    return state.loss / len(images)


def _take_step(model: nn.Module, state: TrainingState, batch: Batch, process: Process) -> float:
    """Moves the parameters down the gradient of the batch's mean loss; returns its sum over the images before."""
    loss = cross_entropy(*_classify(model, batch), reduction="sum")
    state.optimizer.zero_grad(set_to_none=True)
    # gradients are averaged over processes, whose shares can differ by an image: weight by images
    (loss * (process.world / batch.total)).backward()
    state.optimizer.step()
    state.schedule.step()
    state.step += 1
    return loss.item()


def _classify(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits of the batch, float [n, classes], and its labels, int64 [n], on the model's device."""
    device = next(model.parameters()).device
    with arithmetic(device):
        logits = model(moved(torch.from_numpy(normalise(batch.pixels, MEAN, STD)), device))
    # bf16 is too coarse for a loss; float64, in which processes are compared exactly, stays
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return logits, moved(torch.from_numpy(batch.labels), device)
