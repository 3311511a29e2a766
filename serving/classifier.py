"""Classifier of image bytes, by ONNX Runtime; independent of HTTP."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from serving.preprocessing import INTERPOLATIONS, ImageError, ImageFile, Preprocessing


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
        threads: of the engine, one a core.
        seconds: that one image took when the model had just been loaded.
    """

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Loads the model and runs it.

        Raises:
            ModelError: no model in the folder, or one that cannot be loaded.
        """
        description = _describe(folder)
        self.model: str = description["model"]
        self._labels: list[str] = description["labels"]
        self._preprocessing = Preprocessing(
            description["image_size"],
            # earlier models have neither
            description.get("resize"),
            description.get("interpolation", "bilinear"),
            description["mean"],
            description["std"],
        )
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # a spinning thread would take a core from the decoding of the next request
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            size = self._preprocessing.size
            blank = np.zeros((1, size, size, 3), np.uint8)
            self._session = onnxruntime.InferenceSession(
                folder / "model.onnx", options, providers=["CPUExecutionProvider"]
            )
            classes, labels = self.infer(blank).shape[1], len(self._labels)  # the first run also allocates memory
            start = time.perf_counter()
            self.infer(blank)
            self.seconds = time.perf_counter() - start
        except Exception as error:  # ONNX Runtime's exceptions have no common class
            raise ModelError(f"model.onnx cannot be loaded, and run as model.json describes it: {error}") from None
        if classes != labels:
            raise ModelError(f"model.onnx has {classes} classes, and model.json {labels} labels")

    def inspect(self, content: bytes) -> ImageFile:
        """The structure of an image file, to classify; nothing is decoded.

        Raises:
            preprocessing.ImageError: the bytes are not a readable image, or it would take too much to decode.
        """
        return self._preprocessing.inspect(content)

    def classify(self, files: list[ImageFile]) -> list[np.ndarray | ImageError]:
        """Probabilities, float32 [classes], of each image file, or the error of one that cannot be read."""
        read = [self._decoded(file) for file in files]
        pixels = [image for image in read if isinstance(image, np.ndarray)]
        found = iter(self.infer(np.stack(pixels)) if pixels else ())
        return [next(found) if isinstance(image, np.ndarray) else image for image in read]

    def decode(self, content: bytes) -> np.ndarray:
        """Network input of an image: uint8 [size, size, 3].

        Raises:
            preprocessing.ImageError: the bytes are not a readable image.
        """
        return self._preprocessing.read_square(content)

    def infer(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of n images from `decode`."""
        return self._session.run(["probabilities"], {"images": self._preprocessing.normalise(pixels)})[0]

    def best(self, probabilities: np.ndarray, count: int) -> list[Prediction]:
        """The most probable classes of one image, best first, at most `count`.

        Raises:
            ArithmeticError: the probabilities are no numbers, so the model's weights are not either.
        """
        if not np.isfinite(probabilities).all():
            raise ArithmeticError("the model's probabilities are no numbers")
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [Prediction(self._labels[i], float(probabilities[i])) for i in order]

    def _decoded(self, file: ImageFile) -> np.ndarray | ImageError:
        try:
            return self._preprocessing.square_of(file)
        except ImageError as error:
            return error


def _describe(folder: Path) -> dict:
    for name in ("model.json", "model.onnx"):
        if not (folder / name).is_file():
            raise ModelError(
                f"the model archive has no {name}: pack the content of training's model folder, at the top"
            )
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model.json is no JSON: {error}") from None
    found = description.keys() if isinstance(description, dict) else set()
    if missing := {"model", "labels", "image_size", "mean", "std"} - found:
        raise ModelError(f"model.json lacks {', '.join(sorted(missing))}")
    if (asked := description.get("interpolation", "bilinear")) not in INTERPOLATIONS:
        raise ModelError(f"model.json has the interpolation {asked!r}: this server has {', '.join(INTERPOLATIONS)}")
    return description
