"""Reports of a training: log lines and metrics.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.environment import Process
from training.errors import shorten
from training.export import Exported
from training.folder import Folder
from training.images import Images
from training.outcome import Epoch, Predictions, Score, Trained
from training.pictures import MAX_MISTAKES
from training.settings import SETTINGS, Hyperparameters, field

MAX_CLASSES = 50


def print_inputs(data: Folder, images: Mapping[str, Images], weights: Path | None, settings: Hyperparameters) -> None:
    """Prints counts, network, weights, and the unreadable images that were left out."""
    counts = ", ".join(f"{len(split)} {name}" for name, split in images.items())
    source = "from scratch: no weights were given"
    if weights:
        source = f"weights {settings.weights_sha256[:12] or weights.name}"
    print(f"{counts} images of {len(data.classes)} classes; {settings.architecture}, {source}", flush=True)
    for line in shorten(_left_out(images), "left out"):
        print(f"left out {line}", flush=True)


def print_result(best: Epoch, exported: Exported, test: Score, classes: Sequence[str]) -> None:
    """Prints the best epoch, accuracy by class, the exported precision and the test accuracy with its interval."""
    # repeated at the end: a tuning job takes the last value of its metric
    print(
        f"best_epoch={best.number} "
        f"validation:loss={best.validation.loss:.4f} validation:accuracy={best.validation.accuracy:.4f}",
        flush=True,
    )
    _print_classes(test, classes)
    missed = np.flatnonzero(test.correct == 0).tolist()
    lines = [f"none of the {test.images[i]} test images of class {classes[i]} is recognised" for i in missed]
    for line in shorten(lines, "such classes"):
        print(f"warning: {line}", flush=True)
    print(f"serving the {exported.precision} model: {exported}", flush=True)
    (low, high), lowest = test.interval, classes[test.lowest_class]
    print(
        f"{test.images.sum()} test images: accuracy {test.accuracy:.1%}, from {low:.1%} to {high:.1%} in other such "
        f"images (95 % interval); the lowest class is {lowest} with {test.lowest_class_accuracy:.1%}",
        flush=True,
    )
    print(
        f"test:accuracy={test.accuracy:.4f} test:balanced_accuracy={test.balanced_accuracy:.4f} "
        f"test:lowest_class_accuracy={test.lowest_class_accuracy:.4f} test:loss={test.loss:.4f}",
        flush=True,
    )


def print_phases(phases: Mapping[str, float], total: float) -> None:
    """Prints the seconds of each phase of a run, and of all that is in none."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases.items())
    print(f"seconds: {parts}, all else {total - sum(phases.values()):.1f}", flush=True)


def metrics(
    trained: Trained,
    exported: Exported,
    test: Predictions,
    classes: Sequence[str],
    images: Mapping[str, Images],
    settings: Hyperparameters,
    process: Process,
) -> dict[str, Any]:
    """Content of metrics.json, in the terms of docs/training.md; `test` are the exported model's predictions."""
    score = test.score
    return {
        **trained.facts,
        "settings": {name: getattr(settings, field(name)) for name in SETTINGS},
        "world": process.world,
        "images": {name: len(split) for name, split in images.items()},
        "left_out": _left_out(images),
        "epochs": [
            {
                "epoch": epoch.number,
                "train_loss": epoch.train_loss,
                "validation_loss": epoch.validation.loss,
                "validation_accuracy": epoch.validation.accuracy,
                "seconds": epoch.seconds,
            }
            for epoch in trained.history.epochs
        ],
        "best_epoch": trained.history.best.number,
        "export": {
            "precision": exported.precision,
            "test_accuracy": exported.accuracies,
            "why_no_int8": exported.why_no_int8,
            "quantising_mb": exported.quantising_mb,
            "int8_speedup": exported.speedup,
        },
        "test": {
            "loss": score.loss,
            "accuracy": score.accuracy,
            "accuracy_interval": list(score.interval),
            "balanced_accuracy": score.balanced_accuracy,
            "lowest_class": {"name": classes[score.lowest_class], "accuracy": score.lowest_class_accuracy},
            "classes": {
                name: {"images": int(count), "correct": int(correct), "accuracy": float(correct / count)}
                for name, count, correct in zip(classes, score.images, score.correct, strict=True)
            },
            "confusion": {
                name: {classes[column]: int(row[column]) for column in np.flatnonzero(row).tolist()}
                for name, row in zip(classes, test.confusion, strict=True)
            },
            "mistakes": [
                {
                    "file": images["test"].files[index].name,
                    "class": classes[test.labels[index]],
                    "predicted": classes[test.predicted[index]],
                    "probability": float(test.confidence[index]),
                }
                for index in test.worst(MAX_MISTAKES).tolist()
            ],
        },
    }


def write(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Writes metrics.json into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(metrics, indent=2, ensure_ascii=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def _print_classes(test: Score, classes: Sequence[str]) -> None:
    """Prints accuracy by class, the lowest first, at most 50 of them."""
    accuracy = test.correct / test.images
    order = np.argsort(accuracy, kind="stable")[:MAX_CLASSES]
    width = max(len(classes[i]) for i in order)
    for i in order:
        print(f"class {classes[i]:<{width}}  {accuracy[i]:7.1%} of {test.images[i]} test images", flush=True)
    if len(classes) > MAX_CLASSES:
        print(f"and {len(classes) - MAX_CLASSES} classes with more: metrics.json has all", flush=True)


def _left_out(images: Mapping[str, Images]) -> list[str]:
    return [line for split in images.values() for line in split.left_out]
