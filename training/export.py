"""Export: the model directory with model.onnx, and model.json that describes it. No code goes with them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.batches import evaluation_batches
from training.digests import sha256_of
from training.environment import Process
from training.folder import Folder
from training.images import Images
from training.machine import own_cores
from training.memory import give_back_memory
from training.onnx_files import IMAGES, PROBABILITIES
from training.outcome import Predictions, Trained
from training.packages import available
from training.preparation import preprocessing
from training.quantise import MIN_SPEEDUP, CannotQuantise, quantise
from training.settings import Hyperparameters

MAX_LOST = 0.005  # test accuracy that int8 may cost
CALIBRATION_IMAGES = 100
MIN_PROBABILITY = 1e-9  # int8 can round to 0, which has no logarithm


@dataclass(frozen=True)
class Exported:
    """Content of the model directory.

    Attributes:
        precision: of the exported model: fp32 or int8.
        tests: predictions for the test images through ONNX Runtime, by precision; only for those that were tried.
        why_no_int8: empty if the exported model is int8.
        quantising_mb: peak memory of quantising, in its own process; 0 if it was not tried.
        speedup: of the int8 model over the fp32 model, on this machine; 0 if it was not tried.
    """

    precision: str
    tests: dict[str, Predictions]
    why_no_int8: str
    quantising_mb: float = 0.0
    speedup: float = 0.0

    @property
    def accuracies(self) -> dict[str, float]:
        """Test accuracy by precision."""
        return {name: test.score.accuracy for name, test in self.tests.items()}

    def __str__(self) -> str:
        tried = ", ".join(f"{name} {accuracy:.4f}" for name, accuracy in self.accuracies.items())
        speed = f"int8 {self.speedup:.2f} times as fast here" if self.speedup else ""
        return "; ".join(filter(None, [tried and f"test accuracy {tried}", speed, self.why_no_int8]))


def export(
    trained: Trained, folder: Folder, images: dict[str, Images], settings: Hyperparameters, model: Path
) -> Exported:
    """Writes the model that an endpoint serves into the directory `model`.

    model.onnx turns `images`, float32 [n, 3, size, size] from `serving.preprocessing.normalise`, into calibrated
    `probabilities`, float32 [n, classes] (see `training.temperature`). It is int8 if that costs at most 0.5 points of
    test accuracy and is 1.2 times as fast, on this machine.

    Raises:
        OSError: the disk is full; nothing of the network is left, so that there is room for the reason.
    """
    model.mkdir(parents=True, exist_ok=True)
    path, int8 = model / "model.onnx", model / "int8.onnx"
    try:
        trained.write(path)
        give_back_memory()
        exported = _choose(path, int8, images, settings)
        if exported.precision == "int8":
            int8.replace(path)
        int8.unlink(missing_ok=True)
        complete(model, folder.classes, settings, exported)
    except OSError:
        path.unlink(missing_ok=True)
        int8.unlink(missing_ok=True)
        raise
    return exported


def complete(model: Path, classes: list[str], settings: Hyperparameters, exported: Exported) -> None:
    """Writes the description of the network in the directory."""
    prepared = preprocessing(settings)
    description = {
        "architecture": settings.architecture,
        "image_size": prepared.size,
        "interpolation": prepared.interpolation,
        "labels": classes,
        "mean": prepared.mean,
        "model": sha256_of(model / "model.onnx"),
        "precision": exported.precision,
        "resize": prepared.side,
        "std": prepared.std,
        "test_accuracy": exported.accuracies,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (model / "model.json").write_text(text + "\n", encoding="utf-8")


def _choose(fp32: Path, int8: Path, images: dict[str, Images], settings: Hyperparameters) -> Exported:
    """Quantises the network, and chooses by test accuracy between fp32 and int8."""
    if not available("onnxruntime"):
        return Exported("fp32", {}, "the Python package onnxruntime is not installed")
    tests = {"fp32": predict(fp32, images["test"])}
    if settings.export_int8 == "never":
        return Exported("fp32", tests, "export-int8 is never")
    try:
        sample = images["train"].sample(CALIBRATION_IMAGES, settings.seed)
        taken = quantise(fp32, int8, sample, images["train"].preprocessing)
    except CannotQuantise as error:
        return Exported("fp32", tests, str(error))
    if taken.speedup < MIN_SPEEDUP:
        why = f"int8 is not {MIN_SPEEDUP:g} times as fast"
        return Exported("fp32", tests, why, taken.memory_mb, taken.speedup)
    tests["int8"] = predict(int8, images["test"])
    right = {name: test.score.correct.sum() for name, test in tests.items()}
    lost = float(right["fp32"] - right["int8"]) / len(tests["fp32"].labels)
    if lost > MAX_LOST:
        return Exported("fp32", tests, f"int8 costs {100 * lost:.1f} points", taken.memory_mb, taken.speedup)
    return Exported("int8", tests, "", taken.memory_mb, taken.speedup)


def predict(network: Path, images: Images) -> Predictions:
    """Predictions of a classifier, an ONNX file, for the images, through ONNX Runtime as in the endpoint."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = own_cores(Process())
    # 60 MB less for a ResNet-50 than with all optimisations, which copy the weights into another layout
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    found = [
        session.run([PROBABILITIES], {IMAGES: images.preprocessing.normalise(batch.pixels)})[0]
        # larger batches are no faster, and take more memory
        for batch in evaluation_batches(images, batch_size=1, process=Process())
    ]
    return Predictions.of(np.log(np.maximum(np.concatenate(found), MIN_PROBABILITY)), images.labels)
