"""Model and photos of the serving benchmarks: a ResNet-50 in int8 at 224 × 224.

The network learns scikit-learn's digits at 32 × 32, where the accuracy of int8 is compared with fp32. The same weights
are then exported at 224 × 224.
"""

import atexit
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from bench.photos import CLASSES, write_photos
from tools.dataset.digits import write
from training.environment import Process
from training.export import CALIBRATION_IMAGES, Exported, complete, predict
from training.folder import inspect
from training.images import load
from training.loop import fit
from training.model import build
from training.onnx_files import export_classifier
from training.preparation import preprocessing
from training.quantise import quantise
from training.settings import Hyperparameters

PHOTOS = 40
ARCHITECTURE, SIZE = "resnet50", 224
LEARNT_AT = Hyperparameters(ARCHITECTURE, image_size=32, epochs=14, batch_size=64, learning_rate=0.005, augment="shift")


@dataclass(frozen=True)
class Model:
    """Model under test.

    Attributes:
        folder: model folder as training exports it, in int8.
        weights: torch file of the same network.
        photos: folder of JPEGs to send.
        accuracy: test accuracy on the digits, by precision.
    """

    folder: Path
    weights: Path
    photos: Path
    accuracy: dict[str, float]


@cache
def model() -> Model:
    """The model, trained once in a process; its files are removed when that ends."""
    root = Path(tempfile.mkdtemp(prefix="serve-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    photos, weights, folder = root / "photos", root / "weights.pth", root / "model"
    folder.mkdir()
    write_photos(photos, PHOTOS)
    write(root / "digits")
    digits = load(inspect(root / "digits"), LEARNT_AT.image_size, preprocessing=preprocessing(LEARNT_AT))
    torch.manual_seed(0)
    network = build(LEARNT_AT, CLASSES, None)
    fit(network, digits, LEARNT_AT, Process())
    torch.save(network.state_dict(), weights)
    large = replace(LEARNT_AT, image_size=SIZE)

    def export(settings: Hyperparameters, pixels: np.ndarray, fp32: Path, int8: Path) -> None:
        export_classifier(fp32, network, settings.image_size)
        quantise(fp32, int8, pixels, preprocessing(settings))

    export(LEARNT_AT, digits["train"].sample(CALIBRATION_IMAGES, 0), root / "fp32.onnx", root / "int8.onnx")
    tests = {name: predict(root / f"{name}.onnx", digits["test"]) for name in ("fp32", "int8")}
    pixels = load(inspect(photos), SIZE, preprocessing=preprocessing(large))["train"].take(np.arange(PHOTOS))
    export(large, pixels, root / "large.onnx", folder / "model.onnx")
    labels = [str(i) for i in range(CLASSES)]
    exported = Exported("int8", tests, "")
    complete(folder, labels, large, exported)
    return Model(folder, weights, photos / "train", exported.accuracies)
