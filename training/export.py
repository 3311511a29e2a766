"""The model directory: model.onnx, model.json and, beside them, the payload that serves them."""

import hashlib
import importlib.util
import json
import warnings
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import torch
from torch import nn

from training.errors import InputError
from training.model import MEAN, STD
from training.settings import Settings

OPSET = 17
NOT_SERVED = ("__init__.py", "__pycache__", "requirements.in")


def check_exportable() -> None:
    """Finds out before the training, not after it, that the exporter lacks its `onnx` package.

    AWS's SageMaker training images have it, as a dependency of their `sagemaker` package.

    Raises:
        InputError: when `onnx` is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError("the Python package onnx is missing, and export needs it: pip install onnx")


def export(model: nn.Module, classes: Sequence[str], settings: Settings, folder: Path) -> None:
    """Writes all that an endpoint needs into `folder`.

    model.onnx takes `images`, float32 [n, 3, size, size] as `serving.preprocessing.normalise` makes them, and
    gives `probabilities`, float32 [n, classes].
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    _write_onnx(model, settings.image_size, path)
    description = {
        "architecture": settings.architecture,
        "image_size": settings.image_size,
        "labels": list(classes),
        "mean": MEAN,
        "model": hashlib.sha256(path.read_bytes()).hexdigest(),
        "std": STD,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")
    for entry in files("serving").iterdir():
        _copy(entry, folder)


def _write_onnx(model: nn.Module, size: int, path: Path) -> None:
    graph = nn.Sequential(model, nn.Softmax(dim=1)).eval()
    with warnings.catch_warnings():
        # it recommends the newer exporter, which needs onnxscript: not in AWS's training images
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            graph,
            (torch.zeros(1, 3, size, size),),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_axes={"images": {0: "n"}, "probabilities": {0: "n"}},
        )


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
