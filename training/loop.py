"""Training and evaluation: epochs, the best of them on the validation images, one look at the test images."""

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
from training.checkpoint import Checkpoints
from training.device import arithmetic, choose, described, moved, place
from training.distributed import parallel, summed
from training.environment import Process
from training.errors import InputError, Stopped
from training.head import MOMENTUM, WARM_UP, WEIGHT_DECAY
from training.images import Images
from training.model import build, training_mode
from training.outcome import Epoch, Outcome, Predictions, Score, Trained
from training.progress import Progress
from training.resnet import MEAN, STD, write_classifier
from training.settings import Hyperparameters
from training.state import State
from training.temperature import fit_temperature
from training.weights import State as Weights


def learn(
    images: dict[str, Images],
    classes: int,
    weights: Weights | None,
    *,
    settings: Hyperparameters,
    process: Process,
    threads: int,
    checkpoints: Checkpoints,
    stop: Event,
) -> Trained:
    """The network trained, from these weights or from scratch; raises as `fit` does."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(threads)
    device = choose(process)
    if process.rank == 0:
        print(f"training on {described(device, threads)} a process", flush=True)
    model = place(build(settings, classes, weights), device)
    outcome = fit(model, images, settings, process, checkpoints, stop)
    temperature = _calibrate(model, images["valid"], settings.batch_size, process)
    test = predict(model, images["test"], settings.batch_size, process)
    learnt = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
    return Trained(
        outcome,
        lambda path: write_classifier(path, settings.architecture, learnt, settings.image_size),
        test,
        {"device": described(device, threads), "temperature": temperature},
    )


def fit(
    model: ResNet,
    images: dict[str, Images],
    settings: Hyperparameters,
    process: Process,
    checkpoints: Checkpoints | None = None,
    stop: Event | None = None,
) -> Outcome:
    """Trains the model and leaves it at the epoch with the best validation accuracy (then the lower loss).

    Args:
        checkpoints: what the training goes on from, and is kept in after each epoch; None keeps nothing.
        stop: set when the run is to stop after its present step; None never is.

    Raises:
        Stopped: it was, here or in another process, and the checkpoint is written.
        InputError: the checkpoint is of another run, or not the same in each process; the training diverges.
    """
    checkpoints, stop = checkpoints or Checkpoints(), stop or Event()
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
    state = State(model, optimizer, _schedule(optimizer, settings.learning_rate, total))
    _resume(state, checkpoints, process)
    while len(state.epochs) < settings.epochs:
        start = time.perf_counter() - state.seconds
        training_mode(model, settings.trainable)
        loss = _train_one_epoch(trained, state, images["train"], settings, process, checkpoints, stop)
        speed = len(images["train"]) / (time.perf_counter() - start)
        score = evaluate(model, images["valid"], settings.batch_size, process)
        epoch = Epoch(len(state.epochs) + 1, loss, score, time.perf_counter() - start)
        state.end_epoch(epoch)
        checkpoints.save(state.to_dict())
        if process.rank == 0:
            print(f"{epoch} train:images_per_second={speed:.4g}", flush=True)
    assert state.best is not None  # epochs is at least 1
    best, parameters = state.best
    model.load_state_dict(parameters)
    return Outcome(state.epochs, state.epochs[best])


def _schedule(optimizer: Optimizer, peak: float, total: int) -> LRScheduler:
    """One cycle in `total` steps; a training of a single one, where that cycle is all end, takes it at the peak."""
    if total == 1:
        return ConstantLR(optimizer, factor=1.0)
    return OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=total,
        pct_start=WARM_UP if WARM_UP * total != 1 else 2 * WARM_UP,  # a rise of one step: torch divides by its length
        cycle_momentum=False,
    )


def evaluate(model: ResNet, images: Images, batch_size: int, process: Process) -> Score:
    """The model's score on all the images; each process looks at its share, and all get the same result."""
    return predict(model, images, batch_size, process).score


def predict(model: ResNet, images: Images, batch_size: int, process: Process) -> Predictions:
    """What the model makes of each image; each process looks at its share, and all get the whole."""
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


def _calibrate(model: ResNet, images: Images, batch_size: int, process: Process) -> float:
    """Divides the model's logits by the temperature that fits the images; that temperature."""
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


def _resume(state: State, checkpoints: Checkpoints, process: Process) -> None:
    """Goes on from the checkpoint, where there is one, once all processes have found the same."""
    if saved := checkpoints.load():
        state.take(saved)
    epochs, step = state.position
    found = torch.tensor([epochs, step, epochs**2, step**2], dtype=torch.float64)
    total, square = summed(found).reshape(2, 2) / process.world
    if not torch.equal(total**2, square):  # the mean of squares is the square of the mean of equal numbers only
        raise InputError(f"the processes' checkpoints in {checkpoints.folder} differ: share the folder, or remove them")
    if saved and process.rank == 0:
        print(f"going on after {epochs} epochs and {step} steps, from {checkpoints.folder}", flush=True)


def _train_one_epoch(
    model: nn.Module,
    state: State,
    images: Images,
    settings: Hyperparameters,
    process: Process,
    checkpoints: Checkpoints,
    stop: Event,
) -> float:
    """The rest of the epoch's steps, one a batch; the mean loss an image over all processes and all its steps."""
    number = len(state.epochs) + 1
    start = time.perf_counter() - state.seconds
    progress = Progress(number, steps(len(images), settings.batch_size, process.world)) if process.rank == 0 else None
    batches = training_batches(
        images,
        batch_size=settings.batch_size,
        seed=settings.seed,
        epoch=number,
        process=process,
        skip=state.step,
    )
    for batch in batches:
        loss = cross_entropy(*_classify(model, batch), reduction="sum")
        state.optimizer.zero_grad(set_to_none=True)
        # the processes' gradients are averaged, though their shares differ by an image: weigh by images
        (loss * (process.world / batch.total)).backward()
        state.optimizer.step()
        state.schedule.step()
        state.step += 1
        # a stop is the business of all, and at the same step
        total, stopping = summed(torch.tensor([loss.item(), stop.is_set()], dtype=torch.float64)).tolist()
        if not math.isfinite(total):
            lower = f"lower learning-rate ({settings.learning_rate:g})"
            raise InputError(f"the loss is no number any more in epoch {number}, step {state.step}: {lower}")
        state.loss += total
        if progress:
            progress.step(state.step, total, batch.total)
        if stopping:
            state.seconds = time.perf_counter() - start
            checkpoints.save(state.to_dict())
            kept = (
                f"the checkpoint in {checkpoints.folder} has it"
                if checkpoints.folder
                else "no --checkpoints were asked for"
            )
            raise Stopped(f"stopped as asked (SIGTERM) in epoch {number} after step {state.step}: {kept}")
    if progress:
        progress.end()
    return state.loss / len(images)


def _classify(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits of the batch, float [n, classes], and its labels, int64 [n], where the model is."""
    device = next(model.parameters()).device
    with arithmetic(device):
        logits = model(moved(torch.from_numpy(normalise(batch.pixels, MEAN, STD)), device))
    # bf16 is too coarse for a loss; float64, in which tests compare processes, stays
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return logits, moved(torch.from_numpy(batch.labels), device)
