"""Training of a head: the frozen backbone runs once, in its engine, and the head learns from what that made."""

from pathlib import Path

import numpy as np

from training.calibration import calibration_pixels
from training.engine import open_engine
from training.environment import Process
from training.features import features
from training.folder import Folder
from training.head import Examples, fit
from training.images import Images
from training.outcome import Trained
from training.resnet import feature_count, write_classifier
from training.settings import Settings
from training.temperature import fit_temperature
from training.weights import read

_CALIBRATION_IMAGES = 32  # more take longer than they are worth: what ships is calibrated anew


def learn(
    images: dict[str, Images], folder: Folder, weights: Path, *, settings: Settings, process: Process, threads: int
) -> Trained:
    """The network with its head trained; each process computes its share of the features.

    Raises:
        InputError: weights or images that cannot be used, or a precision that this machine lacks.
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
                ),
                process,
            ),
            split.labels,
        )
        for name, split in images.items()
    }
    head, outcome = fit(
        examples["train"],
        examples["valid"],
        classes=len(folder.classes),
        settings=settings,
        report=lambda epoch: print(epoch, flush=True) if process.rank == 0 else None,
    )
    valid = examples["valid"]
    temperature = fit_temperature(head.log_probabilities(valid.features[:, 0]), valid.labels, len(valid.labels))
    head = head.cooled(temperature)
    test = head.predictions(examples["test"].features[:, 0], examples["test"].labels)
    facts = {"engine": engine.name, "temperature": temperature}

    def write(path: Path) -> None:
        state = {**read(weights, settings.architecture), "fc.weight": head.weight, "fc.bias": head.bias}
        write_classifier(path, settings.architecture, state, settings.image_size)

    return Trained(outcome, write, test, facts)


def _of_all_processes(own: np.ndarray, process: Process) -> np.ndarray:
    """The shares of all processes together."""
    if process.world == 1:
        return own
    import torch

    from training.distributed import summed

    return summed(torch.from_numpy(own)).numpy()
