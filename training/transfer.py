"""Training of a head: the frozen backbone runs once, in its engine, and the head learns from what that made."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from training.calibration import calibration_pixels
from training.engine import open_engine
from training.environment import Process
from training.errors import Stopped
from training.features import features
from training.folder import Folder
from training.head import Examples, fit
from training.images import Images
from training.kept_features import KeptFeatures
from training.outcome import Epoch, Trained
from training.resnet import feature_count, write_classifier
from training.settings import Hyperparameters
from training.temperature import fit_temperature
from training.weights import read

_CALIBRATION_IMAGES = 32  # more take longer than they are worth: what ships is calibrated anew


def learn(
    images: dict[str, Images],
    folder: Folder,
    weights: Path,
    *,
    settings: Hyperparameters,
    process: Process,
    threads: int,
    checkpoints: Path | None,
    identity: Mapping[str, Any],
    stop: Event,
) -> Trained:
    """The network with its head trained; each process computes its share of the features.

    Args:
        checkpoints: folder that the features are kept in; None keeps nothing.
        identity: what decides the result, by name.
        stop: set when the run is to stop.

    Raises:
        InputError: weights or images that cannot be used, or a precision that this machine lacks; features kept of
            another run.
        Stopped: it was; the features computed so far are kept.
    """
    engine = open_engine(
        weights,
        settings,
        process=process,
        threads=threads,
        images=(len(images["train"]) * settings.views + len(images["valid"]) + len(images["test"])) // process.world,
        calibration=lambda: calibration_pixels(images["train"], settings.seed, _CALIBRATION_IMAGES),
    )
    if process.rank == 0:
        print(f"frozen layers run once, in {engine.name}, {threads} cores a process", flush=True)
    examples = {
        name: Examples(
            _of_all_processes(
                features(
                    split,
                    engine,
                    count=feature_count(settings.architecture),
                    views=settings.views if name == "train" else 1,
                    seed=settings.seed,
                    process=process,
                    folder=folder,
                    kept=KeptFeatures(checkpoints, name, process=process, identity=identity, engine=engine.name),
                    stop=stop,
                ),
                process,
                stop,
            ),
            split.labels,
        )
        for name, split in images.items()
    }

    def report(epoch: Epoch) -> None:
        if process.rank == 0:
            print(epoch, flush=True)
        if stop.is_set():
            kept = f"{checkpoints} has its features" if checkpoints else "no --checkpoints were asked for"
            raise Stopped(f"stopped as asked (SIGTERM) in the head's training: {kept}")

    head, outcome = fit(
        examples["train"],
        examples["valid"],
        classes=len(folder.classes),
        settings=settings,
        report=report,
    )
    valid = examples["valid"]
    temperature = fit_temperature(head.log_probabilities(valid.features[:, 0]), valid.labels, len(valid.labels))
    head = head.cooled(temperature)
    test = head.predictions(examples["test"].features[:, 0], examples["test"].labels)
    facts = {"engine": engine.name, "device": engine.device, "temperature": temperature}

    def write(path: Path) -> None:
        state = {**read(weights, settings.architecture), "fc.weight": head.weight, "fc.bias": head.bias}
        write_classifier(path, settings.architecture, state, settings.image_size)

    return Trained(outcome, write, test, facts)


def _of_all_processes(own: np.ndarray, process: Process, stop: Event) -> np.ndarray:
    """The shares of all processes together.

    Raises:
        Stopped: the others have stopped as this one was asked to, while it waited for them.
    """
    if process.world == 1:
        return own
    import torch

    from training.distributed import summed

    try:
        return summed(torch.from_numpy(own)).numpy()
    except RuntimeError:
        if stop.is_set():
            raise Stopped("stopped as asked (SIGTERM) while the other processes computed features") from None
        raise
