"""Image bytes to labels with probabilities, by ONNX Runtime; knows nothing of HTTP or Ray."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from preprocessing import normalise, read_square

MOST_PREDICTIONS = 5


@dataclass(frozen=True)
class Prediction:
    """One class and its probability, from 0 to 1."""

    label: str
    probability: float


class Classifier:
    """The model of a folder that `training.export` wrote; safe to call from several threads.

    Attributes:
        model: identity of the model file, the SHA-256 of its bytes.
    """

    def __init__(self, folder: Path) -> None:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.model: str = description["model"]
        self._labels: list[str] = description["labels"]
        self._size: int = description["image_size"]
        self._mean: list[float] = description["mean"]
        self._std: list[float] = description["std"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        # a spinning thread takes a core from the next request's decoding
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def classify(self, content: bytes) -> list[Prediction]:
        """The most probable classes of the image, best first, five at most.

        Raises:
            preprocessing.ImageError: the bytes are no image that can be read.
        """
        pixels = read_square(content, self._size)
        images = normalise(pixels[np.newaxis], self._mean, self._std)
        (probabilities,) = self._session.run(["probabilities"], {"images": images})[0]
        best = np.argsort(-probabilities, kind="stable")[:MOST_PREDICTIONS]
        return [Prediction(self._labels[i], float(probabilities[i])) for i in best]
