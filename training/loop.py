"""Epochs, evaluation and calibration of a network in PyTorch."""

import time
from collections.abc import Iterator
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.augment import MIXING
from training.batches import evaluation_batches, steps
from training.checkpoint import Checkpoints, TrainingState
from training.device import logits_of
from training.distributed import summed
from training.environment import Process
from training.epochs import Epochs
from training.errors import InputError
from training.feed import Feed
from training.head import MOMENTUM, WARM_UP, WEIGHT_DECAY, require_number
from training.images import Images
from training.model import classifier, training_mode
from training.outcome import Epoch, History, Predictions
from training.phases import Phases
from training.settings import Hyperparameters
from training.temperature import fit_temperature

# measured with a ResNet-50 on an H200
COMPILING_SECONDS = 60
_SAVED_BY_COMPILING = 1 / 3


def fit(
    model: nn.Module,
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
    state = start(model, images["train"], settings, process)
    epochs = Epochs(model, state, images["train"], settings, process, checkpoints, stop)
    _resume(state, checkpoints, process)
    while len(state.epochs) < settings.epochs:
        begin = time.perf_counter() - state.seconds
        training_mode(model, settings)
        loss = epochs.train_one()
        speed = len(images["train"]) / (time.perf_counter() - begin)
        with phases.of("evaluate"):
            score = predict(state.judged, images["valid"], settings.batch_size, process).score
        require_number(score.loss, f"the validation after epoch {len(state.epochs) + 1}", settings)
        epoch = Epoch(len(state.epochs) + 1, loss, score, time.perf_counter() - begin)
        state.end_epoch(epoch)
        checkpoints.save(state.to_dict())
        if process.rank == 0:
            print(f"{epoch} train:images_per_second={speed:.4g}", flush=True)
            if epoch.number == 1 and settings.compile == "never" and next(model.parameters()).is_cuda:
                _advise(len(images["train"]) / speed * (settings.epochs - 1))
    assert state.best is not None  # epochs is at least 1
    best, parameters = state.best
    model.load_state_dict(parameters)
    return History(state.epochs, state.epochs[best])


def start(model: nn.Module, images: Images, settings: Hyperparameters, process: Process) -> TrainingState:
    """The state before the first step."""
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        nesterov=True,
        fused=True if next(model.parameters()).is_cuda else None,
    )
    an_epoch = steps(len(images), settings.batch_size, process.world)
    averaged = None
    if settings.augment in MIXING:
        # over about an epoch: a fine-tuning is too short for the decay of torchvision's recipes
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / an_epoch), use_buffers=True)
    schedule = _schedule(optimizer, settings.learning_rate, settings.epochs * an_epoch)
    return TrainingState(model, optimizer, schedule, averaged)


def _advise(seconds: float) -> None:
    """Says if compiling the network would save more than the minute that it takes, of the seconds to go on a GPU."""
    saved = _SAVED_BY_COMPILING * seconds - COMPILING_SECONDS
    if saved > COMPILING_SECONDS:
        print(f"compile=always would save some {saved / 60:.0f} of the next {seconds / 60:.0f} minutes", flush=True)


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


def predict(model: nn.Module, images: Images, batch_size: int, process: Process) -> Predictions:
    """Predictions of the model for all images. Each process evaluates its share; all get the whole."""
    model.eval()
    own = []
    with torch.inference_mode():
        for logits, labels in _classified(model, images, batch_size, process):
            confidence, predicted = logits.softmax(1).max(1)
            losses = cross_entropy(logits, labels, reduction="none")
            own.append(torch.stack([predicted.double(), confidence.double(), losses.double()], 1))
    whole = torch.zeros(len(images), 3, dtype=torch.float64)
    if own:
        whole[process.rank :: process.world] = torch.cat(own).cpu()
    predicted, confidence, losses = summed(whole).numpy().T
    return Predictions(classifier(model).out_features, images.labels, predicted.astype(int), confidence, losses)


def calibrate(model: nn.Module, images: Images, batch_size: int, process: Process) -> float:
    """Scales the last layer so that logits are divided by the temperature that fits the images; returns it."""
    model.eval()
    with torch.inference_mode():
        own = list(_classified(model, images, batch_size, process))
    none = torch.empty(0, classifier(model).out_features), torch.empty(0, dtype=torch.int64)
    logits, labels = (torch.cat(part).cpu().numpy() for part in zip(*(own or [none]), strict=True))

    def total(part: float) -> float:
        return float(summed(torch.tensor([part], dtype=torch.float64)))

    temperature = fit_temperature(logits, labels, len(images), total)
    with torch.no_grad():
        for parameter in classifier(model).parameters():
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


def _classified(model: nn.Module, images: Images, batch_size: int, process: Process) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits [n, classes] and labels [n] of this process's share of the images, by batch."""
    device = next(model.parameters()).device
    feed = Feed(device, images.preprocessing)
    for batch in evaluation_batches(images, batch_size=batch_size, process=process, empty=feed.empty):
        yield logits_of(model, feed.images(batch)), feed.labels(batch)
