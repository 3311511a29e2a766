"""The model directory: model.onnx, model.json and, beside them, the payload that serves them."""

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from training.calibration import calibration_pixels
from training.folder import Folder
from training.images import Images
from training.memory import give_back_memory
from training.outcome import Predictions, Trained
from training.packages import available
from training.quantise import CannotQuantise, quantise
from training.resnet import MEAN, STD
from training.settings import Hyperparameters

MOST_LOST = 0.005  # of test accuracy, by int8
NOT_SERVED = ("__init__.py", "__pycache__", "requirements.in")


@dataclass(frozen=True)
class Exported:
    """What went into the model directory.

    Attributes:
        precision: of the model that ships: fp32 or int8.
        tests: what they make of the test images through ONNX Runtime, by precision; those that were tried.
        why_no_int8: empty where int8 ships.
        quantising_mb: the most memory that quantising took, in a process of its own; 0 where it was not tried.
    """

    precision: str
    tests: dict[str, Predictions]
    why_no_int8: str
    quantising_mb: float = 0.0

    @property
    def accuracies(self) -> dict[str, float]:
        """On the test images, by precision."""
        return {name: test.score.accuracy for name, test in self.tests.items()}

    def __str__(self) -> str:
        tried = ", ".join(f"{name} {accuracy:.4f}" for name, accuracy in self.accuracies.items())
        return "; ".join(filter(None, [tried and f"test accuracy {tried}", self.why_no_int8]))


def export(
    trained: Trained, folder: Folder, images: dict[str, Images], settings: Hyperparameters, model: Path
) -> Exported:
    """Writes all that an endpoint needs into the directory `model`.

    model.onnx takes `images`, float32 [n, 3, size, size] as `serving.preprocessing.normalise` makes them, and
    gives `probabilities`, float32 [n, classes], calibrated (see `training.temperature`). It is int8 where that
    costs at most 0.5 points of test accuracy.
    """
    model.mkdir(parents=True, exist_ok=True)
    path, int8 = model / "model.onnx", model / "int8.onnx"
    trained.write(path)
    give_back_memory()
    exported = _choose(path, int8, images, settings)
    if exported.precision == "int8":
        int8.replace(path)
    int8.unlink(missing_ok=True)
    complete(model, folder.classes, settings, exported)
    return exported


def complete(model: Path, classes: list[str], settings: Hyperparameters, exported: Exported) -> None:
    """Writes what serves the network that is in the directory: its description, and the payload."""
    description = {
        "architecture": settings.architecture,
        "image_size": settings.image_size,
        "labels": classes,
        "mean": MEAN,
        "model": hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest(),
        "precision": exported.precision,
        "std": STD,
        "test_accuracy": exported.accuracies,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (model / "model.json").write_text(text + "\n", encoding="utf-8")
    for entry in files("serving").iterdir():
        _copy(entry, model)


def _choose(fp32: Path, int8: Path, images: dict[str, Images], settings: Hyperparameters) -> Exported:
    """Makes and scores what there is to choose from."""
    if not available("onnxruntime"):
        return Exported("fp32", {}, "the Python package onnxruntime is not installed")
    from training.scoring import predict

    tests = {"fp32": predict(fp32, images["test"])}
    if settings.export_int8 == "never":
        return Exported("fp32", tests, "export-int8 is never")
    try:
        taken = quantise(fp32, int8, calibration_pixels(images["train"], settings.seed))
    except CannotQuantise as error:
        return Exported("fp32", tests, str(error))
    tests["int8"] = predict(int8, images["test"])
    right = {name: test.score.correct.sum() for name, test in tests.items()}
    lost = float(right["fp32"] - right["int8"]) / len(tests["fp32"].labels)
    if lost > MOST_LOST:
        return Exported("fp32", tests, f"int8 costs {100 * lost:.1f} points", taken.memory_mb)
    return Exported("int8", tests, "", taken.memory_mb)


def _copy(entry: Traversable, folder: Path) -> None:
    """Copies a file or folder of the package, which may lie in a zip; what only development needs stays."""
    if entry.name in NOT_SERVED or entry.name.startswith("."):
        return
    target = folder / entry.name
    if entry.is_dir():
        target.mkdir(exist_ok=True)
        for inner in entry.iterdir():
            _copy(inner, target)
    else:
        target.write_bytes(entry.read_bytes())
