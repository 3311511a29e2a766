"""Calls the deployed function to classify images."""

import base64
import io
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from PIL import Image

from settings.names import ALIAS
from training.errors import ReportedError

_PAUSE_SECONDS = 0.5


def sample_image() -> str:
    """A small picture as base64, for a call of which only the answer counts."""
    file = io.BytesIO()
    Image.radial_gradient("L").resize((64, 64)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@dataclass(frozen=True)
class LabelledPrediction:
    """The most probable class of one image, `label`, beside its true class; `probability` is in [0, 1]."""

    label: str
    truth: str
    probability: float

    def __str__(self) -> str:
        mark = "✓" if self.label == self.truth else f"✗, it is {self.truth}"
        return f"{self.label}, {self.probability:.1%} {mark}"


class ClassifyFailed(ReportedError):
    """The function did not answer with 200; the message is its answer."""


class ClassifyClient:
    """Client of the function's alias `live`; a call fails that has no answer within `seconds`."""

    def __init__(self, function: str, *, seconds: float = 60) -> None:
        self._function = function
        config = Config(retries={"total_max_attempts": 1}, read_timeout=seconds)
        self._lambda = boto3.client("lambda", config=config)

    def __call__(self, image: Path) -> LabelledPrediction:
        """Classify one file, whose folder is named after its true class."""
        return self._prediction(image, {"image": base64.b64encode(image.read_bytes()).decode()})

    def from_s3(self, image: Path, folder: str) -> LabelledPrediction:
        """Upload one file to `folder`, an `s3://bucket/prefix/` that the function may read, and classify it there."""
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        boto3.client("s3").upload_file(str(image), bucket, prefix + image.name)
        return self._prediction(image, {"s3": folder + image.name})

    def _prediction(self, image: Path, event: dict[str, Any]) -> LabelledPrediction:
        body = self.invoke(event)
        best = body["predictions"][0]
        return LabelledPrediction(best["label"], image.parent.name, best["probability"])

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Body of the function's answer, which has to be 200."""
        payload = self.answer(event)
        if payload.get("statusCode") != 200:
            raise ClassifyFailed(json.dumps(payload))
        result: dict[str, Any] = json.loads(payload["body"])
        return result

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """The function's answer, of any status; its body is JSON text."""
        answer = self._lambda.invoke(FunctionName=self._function, Qualifier=ALIAS, Payload=json.dumps(event).encode())
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        return payload


class SteadyClient:
    """Client that calls in the background, two calls a second, and records their number and errors."""

    def __init__(self, function: str, images: list[Path]) -> None:
        self.calls = 0
        self.errors: list[str] = []
        self._classify, self._images = ClassifyClient(function), images
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "SteadyClient":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=70)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            image = self._images[self.calls % len(self._images)]
            self.calls += 1
            try:
                self._classify(image)
            except Exception as error:  # any error that a client would see counts
                self.errors.append(f"{type(error).__name__}: {error}")
