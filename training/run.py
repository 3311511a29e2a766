"""One training from top to bottom: inputs, images, network, epochs, calibration, export, report.

PyTorch is imported only where it trains: a head learns without it, in half a gigabyte less of memory.
"""

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from training import folder, head, pictures, report, weights
from training.augment import CROPPING
from training.batches import steps
from training.class_weights import require_enough_images
from training.engine import open_engine
from training.environment import Places, Process
from training.errors import InputError, Stopped
from training.export import export
from training.features import features, gather
from training.identity import identity
from training.images import Images, load
from training.kept_features import KeptFeatures
from training.machine import one_process_a_gpu, own_cores
from training.memory import enough_memory, peak_mb
from training.networks import OWN, making_weights
from training.onnx_files import add_head, export_classifier
from training.outcome import Epoch, Trained
from training.phases import Phases
from training.preparation import preprocessing
from training.settings import Hyperparameters
from training.stop import stop_on_sigterm
from training.temperature import fit_temperature

_INT8_IMAGES = 32  # set the ranges of the frozen layers' int8; the exported model is calibrated again, on more


@dataclass(frozen=True)
class Inputs:
    """Image files with their digest, and the pretrained weights if there are any."""

    data: folder.Folder
    digest: str
    weights: Path | None


@dataclass(frozen=True)
class TrainingRun:
    """A training whose images are loaded.

    Attributes:
        images: by split.
        checkpoints: folder that a stopped run goes on from; None keeps nothing.
        identity: everything that decides the result, by name; a checkpoint with another identity is refused.
        stop: set by SIGTERM.
        phases: clock of the run.
    """

    settings: Hyperparameters
    inputs: Inputs
    process: Process
    images: dict[str, Images]
    checkpoints: Path | None
    identity: Mapping[str, Any]
    stop: Event
    phases: Phases


def run(settings: Hyperparameters, places: Places, process: Process, arguments: Sequence[str]) -> None:
    """Trains in this process, or in one for each GPU of this machine; raises as `find_inputs` and `train` do.

    Args:
        arguments: of the command line, which those processes get again.
    """
    inputs = find_inputs(settings, places, process)  # before there are several processes: an error is reported once
    one_process_a_gpu(process, arguments)
    train(settings, inputs, places, process)


def find_inputs(settings: Hyperparameters, places: Places, process: Process) -> Inputs:
    """Data set and weights, checked by names and digests; no image is opened.

    Raises:
        InputError: data set or weights that cannot be used.
    """
    data = folder.inspect(places.images)
    steps(len(data.splits["train"].files), settings.batch_size, process.world)
    require_enough_images(settings, data.splits["train"].labels, data.classes)
    pretrained = weights.find(places.weights, settings.weights_sha256)
    if pretrained is None and settings.trainable != "all":
        instead = "" if settings.architecture == OWN else ", or set trainable=all"
        raise InputError(
            f"trainable={settings.trainable} needs pretrained weights: "
            f"give the file of {making_weights(settings.architecture)}{instead}"
        )
    if pretrained:
        weights.check(pretrained, settings)
    digest = folder.digest(data)
    if settings.dataset_digest not in ("", digest):
        raise InputError(
            f"{places.images} has the digest {digest}, not {settings.dataset_digest}: "
            "give the images of that digest, or correct dataset-digest"
        )
    return Inputs(data, digest, pretrained)


def train(settings: Hyperparameters, inputs: Inputs, places: Places, process: Process) -> None:
    """Trains, tests and exports; process 0 writes `places.model`, and metrics and pictures in `places.output`/data.

    Raises:
        InputError: images, weights or machine that cannot be used.
        LostPeers: another process of the run failed.
        Stopped: SIGTERM came; the checkpoint is written, and the same command goes on from it.
    """
    start, phases = time.perf_counter(), Phases()
    random.seed(settings.seed)
    np.random.seed(settings.seed)
    head_only = settings.trainable == "head"
    with enough_memory(settings):
        with _connected(process):
            with phases.of("decode"):
                images = load(
                    inputs.data,
                    settings.image_size,
                    settings.max_unreadable,
                    keep=not head_only,
                    whole=settings.augment in CROPPING,
                    process=process,
                    preprocessing=preprocessing(settings),
                )
            if process.rank == 0:
                report.print_inputs(inputs.data, images, inputs.weights, settings)
            decided_by = identity(settings, inputs.digest, inputs.weights)
            with stop_on_sigterm() as stop:
                current = TrainingRun(settings, inputs, process, images, places.checkpoints, decided_by, stop, phases)
                with phases.of("train"):
                    trained = _train_head(current) if head_only else _train_network(current)
        if process.rank == 0:  # alone: the others need not wait
            with phases.of("export"):
                exported = export(trained, inputs.data, images, settings, places.model)
            test = exported.tests.get(exported.precision, trained.test)
            seconds = time.perf_counter() - start
            report.print_phases(phases.seconds, seconds)
            report.print_result(trained.history.best, exported, test.score, inputs.data.classes)
            metrics = report.metrics(trained, exported, test, inputs.data.classes, images, settings, process)
            metrics |= {"dataset": inputs.digest, "peak_memory_mb": peak_mb()}
            metrics |= {"seconds": seconds, "phases": phases.seconds}
            report.write(places.output / "data", metrics)
            pictures.draw(places.output / "data", trained.history, test, images["test"], inputs.data.classes)


def _train_network(current: TrainingRun) -> Trained:
    """The network trained by PyTorch, from pretrained weights or from scratch."""
    import torch

    from training import loop
    from training.checkpoint import Checkpoints
    from training.device import choose, described, place
    from training.model import build

    settings, images, process = current.settings, current.images, current.process
    threads, pretrained = own_cores(process), current.inputs.weights
    state = weights.read(pretrained) if pretrained else None
    torch.manual_seed(settings.seed)
    torch.set_num_threads(threads)
    device = choose(process)
    if process.rank == 0:
        print(f"training on {described(device, threads)} a process", flush=True)
    model = place(build(settings, len(current.inputs.data.classes), state), device, settings.image_size)
    checkpoints = Checkpoints(current.checkpoints, process, current.identity)
    history = loop.fit(model, images, settings, process, checkpoints, current.stop, current.phases)
    with current.phases.of("evaluate"):
        temperature = loop.calibrate(model, images["valid"], settings.batch_size, process)
        test = loop.predict(model, images["test"], settings.batch_size, process)

    def write(path: Path) -> None:
        model.zero_grad(set_to_none=True)  # the quantising needs the room
        export_classifier(path, model.to("cpu", memory_format=torch.contiguous_format), settings.image_size)

    return Trained(history, write, test, {"device": described(device, threads), "temperature": temperature})


def _train_head(current: TrainingRun) -> Trained:
    """The network with its last layer trained: the frozen layers run once on each image, in the fastest engine."""
    settings, images, process, stop = current.settings, current.images, current.process, current.stop
    threads, pretrained = own_cores(process), current.inputs.weights
    assert pretrained is not None  # find_inputs
    views = settings.views if settings.augment != "none" else 1  # else each view is the image itself
    engine = open_engine(
        pretrained,
        settings,
        process=process,
        threads=threads,
        images=(len(images["train"]) * views + len(images["valid"]) + len(images["test"])) // process.world,
        calibration=lambda: images["train"].sample(_INT8_IMAGES, settings.seed),
    )
    if process.rank == 0:
        print(f"frozen layers run once, in {engine.name}, {threads} cores a process", flush=True)
    examples = {}
    for name, split in images.items():
        kept = KeptFeatures(current.checkpoints, name, process=process, identity=current.identity, engine=engine.name)
        with current.phases.of("train" if name == "train" else "evaluate"):
            own = features(
                split,
                engine,
                count=engine.features,
                views=views if name == "train" else 1,
                augment=settings.augment,
                seed=settings.seed,
                process=process,
                folder=current.inputs.data,
                kept=kept,
                stop=stop,
            )
        examples[name] = head.Examples(gather(own, process, stop), split.labels)

    def end_epoch(epoch: Epoch) -> None:
        if process.rank == 0:
            print(epoch, flush=True)
        if stop.is_set():
            kept = f"{current.checkpoints} has its features" if current.checkpoints else "no --checkpoints were given"
            raise Stopped(f"stopped as asked (SIGTERM) in the head's training: {kept}")

    valid, classes = examples["valid"], len(current.inputs.data.classes)
    learnt, history = head.fit(examples["train"], valid, classes=classes, settings=settings, end_epoch=end_epoch)
    temperature = fit_temperature(learnt.log_probabilities(valid.features[:, 0]), valid.labels, len(valid.labels))
    learnt = learnt.cooled(temperature)
    test = learnt.predictions(examples["test"].features[:, 0], examples["test"].labels)

    def write(path: Path) -> None:
        weights.write_backbone(pretrained, path)
        add_head(path, learnt.weight, learnt.bias)

    return Trained(history, write, test, {"engine": engine.name, "device": engine.device, "temperature": temperature})


def _connected(process: Process) -> AbstractContextManager[None]:
    """Context in which the processes of the run are connected; a single one loads no PyTorch for that."""
    if process.world == 1:
        return nullcontext()
    from training.distributed import together

    return together(process)
