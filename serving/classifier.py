"""Classifier of image bytes, by ONNX Runtime; independent of HTTP and Ray."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from preprocessing import normalise, read_square


class ModelError(Exception):
    """The folder has no model that can be served; the message says what is missing or broken."""


@dataclass(frozen=True)
class Prediction:
    """One class and its probability, from 0 to 1."""

    label: str
    probability: float


class Classifier:
    """A model from a folder that `training.export` wrote; thread-safe.

    Attributes:
        model: SHA-256 of the model file.
    """

    def __init__(self, folder: Path) -> None:
        """Loads the model and runs it once.

        Raises:
            ModelError: no model in the folder, or one that cannot be loaded.
        """
        description = _describe(folder)
        self.model: str = description["model"]
        self._labels: list[str] = description["labels"]
        self._size: int = description["image_size"]
        self._mean: list[float] = description["mean"]
        self._std: list[float] = description["std"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        # a spinning thread would take a core from the decoding of the next request
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                folder / "model.onnx", options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common class
            raise ModelError(f"model.onnx cannot be loaded: {error}") from None
        self.infer(np.zeros((1, self._size, self._size, 3), np.uint8))  # the first run also allocates memory

    def decode(self, content: bytes) -> np.ndarray:
        """Network input of an image: uint8 [size, size, 3].

        Raises:
            preprocessing.ImageError: the bytes are not a readable image.
        """
        return read_square(content, self._size)

    def infer(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of n images from `decode`."""
        images = normalise(pixels, self._mean, self._std)
        return self._session.run(["probabilities"], {"images": images})[0]

    def best(self, probabilities: np.ndarray, count: int) -> list[Prediction]:
        """The most probable classes of one image, best first, at most `count`."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [Prediction(self._labels[i], float(probabilities[i])) for i in order]


def cores() -> int:
    """CPU cores available to this process."""
    return len(os.sched_getaffinity(0))


def _describe(folder: Path) -> dict:
    for name in ("model.json", "model.onnx"):
        if not (folder / name).is_file():
            raise ModelError(f"the model archive has no {name}: pack what training.export wrote, at its top level")
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model.json is no JSON: {error}") from None
    if missing := {"model", "labels", "image_size", "mean", "std"} - description.keys():
        raise ModelError(f"model.json lacks {', '.join(sorted(missing))}")
    return description
