"""One training run from data set to model directory; everything heavy to import is imported from here."""

import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training import folder, loop, pictures
from training.batches import steps
from training.checkpoint import Checkpoints, identity
from training.distributed import together
from training.environment import Places, Process
from training.export import check_exportable, export
from training.images import Images, load
from training.memory import enough_memory
from training.model import build, find_weights
from training.score import Outcome, Score
from training.settings import SETTINGS, Settings, field
from training.stop import stop_asked

MOST_CLASSES = 50


def run(settings: Settings, places: Places, process: Process) -> None:
    """Trains, tests and exports; process 0 writes `places.model`, and metrics and pictures to `places.output`/data.

    Raises:
        InputError: data set, weights or machine that cannot be trained on or with.
        LostPeers: another process of the run failed.
        Stopped: SIGTERM came; the checkpoint is written, and the same run goes on from it.
    """
    start = time.perf_counter()
    check_exportable()
    data = folder.inspect(places.images)
    steps(len(data.splits["train"].files), settings.batch_size, process.world)
    with enough_memory(settings):
        images = load(data, settings.image_size, settings.max_unreadable)
    weights = find_weights(places.weights)
    _seed(settings.seed)
    _share_cores(process)
    model = build(settings, len(data.classes), weights)
    chief = process.rank == 0
    if chief:
        counts = ", ".join(f"{len(split)} {name}" for name, split in images.items())
        origin = f"weights of {weights.name}" if weights else "from scratch: no weights were given"
        print(f"{counts} images of {len(data.classes)} classes; {settings.architecture}, {origin}", flush=True)
        for line in folder.shorten([line for split in images.values() for line in split.left_out], "left out"):
            print(f"left out {line}", flush=True)
    digest = folder.digest(data)
    checkpoints = Checkpoints(places.checkpoints, process, identity(settings, digest, weights))
    with stop_asked() as stop, enough_memory(settings), together(process):
        outcome = loop.fit(model, images, settings, process, checkpoints, stop)
        predictions = loop.predict(model, images["test"], settings.batch_size, process)
        test = predictions.score
        if chief:
            # Once more, of the epoch that is kept: a tuning job goes by the last value.
            best = outcome.best.validation
            print(
                f"best_epoch={outcome.best.number} "
                f"validation:loss={best.loss:.4f} validation:accuracy={best.accuracy:.4f}",
                flush=True,
            )
            print_classes(test, data.classes)
            print(f"test:accuracy={test.accuracy:.4f} test:loss={test.loss:.4f}", flush=True)
            export(model, data.classes, settings, places.model)
            metrics = _metrics(outcome, test, data, images, settings, process)
            metrics |= {"dataset": digest, "seconds": time.perf_counter() - start}
            results = places.output / "data"
            _write_json(results / "metrics.json", metrics)
            pictures.curves(outcome, results / "curves.png")
            pictures.confusion(predictions, data.classes, results / "confusion.png")
            pictures.mistakes(predictions, images["test"], data.classes, results / "mistakes.png")


def print_classes(test: Score, classes: Sequence[str]) -> None:
    """Accuracy by class, the lowest first, the lowest 50 at most."""
    accuracy = test.correct / test.images
    order = np.argsort(accuracy, kind="stable")[:MOST_CLASSES]
    width = max(len(classes[i]) for i in order)
    for i in order:
        print(f"class {classes[i]:<{width}}  {accuracy[i]:7.1%} of {test.images[i]} test images", flush=True)
    if len(classes) > MOST_CLASSES:
        print(f"and {len(classes) - MOST_CLASSES} classes with more: metrics.json has all", flush=True)


def _metrics(
    outcome: Outcome,
    test: Score,
    data: folder.Folder,
    images: Mapping[str, Images],
    settings: Settings,
    process: Process,
) -> dict[str, Any]:
    return {
        "settings": {name: getattr(settings, field(name)) for name in SETTINGS},
        "world": process.world,
        "images": {name: len(split) for name, split in images.items()},
        "left_out": [line for split in images.values() for line in split.left_out],
        "epochs": [
            {
                "epoch": epoch.number,
                "train_loss": epoch.train_loss,
                "validation_loss": epoch.validation.loss,
                "validation_accuracy": epoch.validation.accuracy,
                "seconds": epoch.seconds,
            }
            for epoch in outcome.epochs
        ],
        "best_epoch": outcome.best.number,
        "test": {
            "loss": test.loss,
            "accuracy": test.accuracy,
            "classes": {
                name: {"images": int(count), "correct": int(correct), "accuracy": float(correct / count)}
                for name, count, correct in zip(data.classes, test.images, test.correct, strict=True)
            },
        },
    }


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _share_cores(process: Process) -> None:
    """OMP_NUM_THREADS holds where it is set; else the processes on this machine share its cores."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // process.local_world))


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
