"""One training run from data set to model directory; torch, which is slow to import, only where it is needed."""

import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from training import folder, pictures, weights
from training.environment import Places, Process, own_cores
from training.export import Exported, export
from training.identity import identity
from training.images import Images, load
from training.inputs import Inputs
from training.memory import enough_memory, peak_mb
from training.outcome import Score, Trained
from training.settings import SETTINGS, Hyperparameters, field
from training.stop import stop_asked

MOST_CLASSES = 50


def run(settings: Hyperparameters, inputs: Inputs, places: Places, process: Process) -> None:
    """Trains, tests and exports; process 0 writes `places.model` and `places.output`/data/metrics.json.

    Raises:
        InputError: images, weights or machine that cannot be trained on or with.
        LostPeers: another process of the run failed.
        Stopped: SIGTERM came; the checkpoint is written, and the same run goes on from it.
    """
    start = time.perf_counter()
    data, given = inputs.data, inputs.weights
    random.seed(settings.seed)
    np.random.seed(settings.seed)
    chief = process.rank == 0
    with enough_memory(settings):
        with _together(process):
            keep = settings.trainable != "head"
            images = load(data, settings.image_size, settings.max_unreadable, keep=keep, process=process)
            if chief:
                _tell_inputs(data, images, given, settings)
            digest = folder.digest(data)
            trained = _train(images, data, digest, given, settings, places, process)
        if chief:  # alone: the others need not wait
            exported = export(trained, data, images, settings, places.model)
            shipped = exported.tests.get(exported.precision, trained.test)
            test = shipped.score
            _tell_result(trained, exported, test, data.classes)
            metrics = _metrics(trained, exported, test, data, images, settings, process)
            metrics |= {"dataset": digest, "seconds": time.perf_counter() - start, "peak_memory_mb": peak_mb()}
            results = places.output / "data"
            _write_json(results / "metrics.json", metrics)
            pictures.curves(trained.outcome, results / "curves.png")
            pictures.confusion(shipped, data.classes, results / "confusion.png")
            pictures.mistakes(shipped, images["test"], data.classes, results / "mistakes.png")


def _tell_inputs(
    data: folder.Folder, images: Mapping[str, Images], given: Path | None, settings: Hyperparameters
) -> None:
    counts = ", ".join(f"{len(split)} {name}" for name, split in images.items())
    source = f"weights {settings.weights_sha256[:12] or given.name}" if given else "from scratch: no weights were given"
    print(f"{counts} images of {len(data.classes)} classes; {settings.architecture}, {source}", flush=True)
    for line in folder.shorten([line for split in images.values() for line in split.left_out], "left out"):
        print(f"left out {line}", flush=True)


def _tell_result(trained: Trained, exported: Exported, test: Score, classes: Sequence[str]) -> None:
    # Once more, of the epoch that is kept: a tuning job goes by the last value.
    best = trained.outcome.best
    print(
        f"best_epoch={best.number} "
        f"validation:loss={best.validation.loss:.4f} validation:accuracy={best.validation.accuracy:.4f}",
        flush=True,
    )
    print_classes(test, classes)
    print(f"{exported.precision} model ships: {exported}", flush=True)
    print(f"test:accuracy={test.accuracy:.4f} test:loss={test.loss:.4f}", flush=True)


def print_classes(test: Score, classes: Sequence[str]) -> None:
    """Accuracy by class, the lowest first, the lowest 50 at most."""
    accuracy = test.correct / test.images
    order = np.argsort(accuracy, kind="stable")[:MOST_CLASSES]
    width = max(len(classes[i]) for i in order)
    for i in order:
        print(f"class {classes[i]:<{width}}  {accuracy[i]:7.1%} of {test.images[i]} test images", flush=True)
    if len(classes) > MOST_CLASSES:
        print(f"and {len(classes) - MOST_CLASSES} classes with more: metrics.json has all", flush=True)


def _train(
    images: dict[str, Images],
    data: folder.Folder,
    digest: str,
    given: Path | None,
    settings: Hyperparameters,
    places: Places,
    process: Process,
) -> Trained:
    threads, decided = own_cores(process), identity(settings, digest, given)
    with stop_asked() as stop:
        if given is not None and settings.trainable == "head":
            from training import transfer

            return transfer.learn(
                images, data, given,
                settings=settings, process=process, threads=threads,
                checkpoints=places.checkpoints, identity=decided, stop=stop,
            )  # fmt: skip
        from training import loop
        from training.checkpoint import Checkpoints

        state = weights.read(given, settings.architecture) if given else None
        return loop.learn(
            images, len(data.classes), state,
            settings=settings, process=process, threads=threads,
            checkpoints=Checkpoints(places.checkpoints, process, decided), stop=stop,
        )  # fmt: skip


def _together(process: Process) -> AbstractContextManager[None]:
    if process.world == 1:
        return nullcontext()
    from training.distributed import together

    return together(process)


def _metrics(
    trained: Trained,
    exported: Exported,
    test: Score,
    data: folder.Folder,
    images: Mapping[str, Images],
    settings: Hyperparameters,
    process: Process,
) -> dict[str, Any]:
    outcome = trained.outcome
    return {
        **trained.facts,
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
        "export": {
            "precision": exported.precision,
            "test_accuracy": exported.accuracies,
            "why_no_int8": exported.why_no_int8,
            "quantising_mb": exported.quantising_mb,
        },
        "test": {
            "loss": test.loss,
            "accuracy": test.accuracy,
            "classes": {
                name: {"images": int(count), "correct": int(correct), "accuracy": float(correct / count)}
                for name, count, correct in zip(data.classes, test.images, test.correct, strict=True)
            },
        },
    }


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
