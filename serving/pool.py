"""Threads that decode and classify, one a core, within bounds of memory; shared by the server and batch scoring."""

import dataclasses
from concurrent.futures import Future
from typing import Any

import numpy as np

from serving.batcher import Batcher
from serving.classifier import Classifier
from serving.preprocessing import ImageError, ImageFile, TooCostly, TooManyPixels
from serving.protocol import Refusal

LIGHT_MEMORY = 12_000_000  # bytes to decode; images above take turns, so that others neither wait nor lack memory
MAX_BATCH = 4  # images; more take memory, and gain nothing on a CPU


class ClassifierPool:
    """A model in memory, a thread a core that decodes and infers, and one more for images that take much memory."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._light = Batcher(classifier.classify, threads=classifier.threads, max_batch=MAX_BATCH)
        self._heavy = Batcher(classifier.classify, threads=1, max_batch=1)
        self.model = classifier.model

    def inspect(self, content: bytes) -> ImageFile:
        """The image's structure; nothing is decoded.

        Raises:
            Refusal: it is no image, or takes too much to decode.
        """
        try:
            return self._classifier.inspect(content)
        except ImageError as error:
            raise refusal_of(error) from None

    def submit(self, file: ImageFile) -> "Future[np.ndarray]":
        """A future of the image's probabilities, or of the ImageError of one that cannot be decoded."""
        return (self._light if file.memory <= LIGHT_MEMORY else self._heavy).submit(file)

    def answer(self, probabilities: np.ndarray, count: int) -> dict[str, Any]:
        """JSON of one image's answer, with `count` predictions at most."""
        predictions = self._classifier.best(probabilities, count)
        return {"predictions": [dataclasses.asdict(p) for p in predictions], "model": self.model}


def refusal_of(error: ImageError) -> Refusal:
    """The refusal that tells a client of an image that cannot be read."""
    if isinstance(error, TooManyPixels):
        return Refusal(413, "TooManyPixels", str(error))
    if isinstance(error, TooCostly):
        return Refusal(413, "TooCostly", str(error))
    return Refusal(400, "NotAnImage", str(error))
