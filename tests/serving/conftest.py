"""A model directory as training exports it, and images to send to it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from serving.classifier import Classifier
from training.export import export
from training.folder import Folder
from training.images import Images
from training.model import build
from training.onnx_files import export_classifier
from training.outcome import Epoch, History, Predictions, Score, Trained
from training.preparation import preprocessing
from training.settings import Hyperparameters

LABELS = ("ant", "bee", "cat", "dog", "eel", "fox")


@pytest.fixture(scope="session")
def network() -> torch.nn.Module:
    """A network of random weights for six classes, images of 32 × 32."""
    torch.manual_seed(0)
    return build(Hyperparameters(image_size=32), len(LABELS), None).eval()


@pytest.fixture(scope="session")
def model_folder(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Content of model.tar.gz."""
    folder = tmp_path_factory.mktemp("model")
    pixels = np.random.default_rng(1).integers(0, 256, (len(LABELS), 32, 32, 3), dtype=np.uint8)
    settings = Hyperparameters(image_size=32, export_int8="never")
    images = Images([], list(range(len(LABELS))), 32, pixels, preprocessing=preprocessing(settings))
    score = Score(0.0, np.ones(len(LABELS)), np.ones(len(LABELS)))
    outcome = History([], Epoch(1, 0.0, score, 0.0))
    test = Predictions.of(np.zeros((len(LABELS), len(LABELS))), images.labels)
    trained = Trained(outcome, lambda path: export_classifier(path, network, 32), test)
    export(trained, Folder(Path(), list(LABELS), {}), {"test": images}, settings, folder)
    return folder


@pytest.fixture(scope="session")
def classifier(model_folder: Path) -> Classifier:
    return Classifier(model_folder, threads=2)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encodes a picture of random pixels, or the one given."""

    def encode(image: Image.Image | None = None, kind: str = "PNG", size: tuple[int, int] = (40, 32)) -> bytes:
        pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        buffer = io.BytesIO()
        (image or Image.fromarray(pixels)).save(buffer, kind)
        return buffer.getvalue()

    return encode
