"""The model folder: all that an endpoint needs, and the same answers as the network it came from."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from serving.classifier import Classifier, ModelError, Prediction
from serving.preprocessing import Preprocessing
from tests.serving.conftest import LABELS
from training.environment import Process
from training.images import Images
from training.loop import predict

PREPROCESSING = Preprocessing(32, 37)  # torchvision's 256 and 224, at 32 px
Encode = Callable[..., bytes]


def test_it_describes_the_model(model_folder: Path) -> None:
    description = json.loads((model_folder / "model.json").read_text())
    assert 0 <= description.pop("test_accuracy")["fp32"] <= 1
    assert description == {
        "architecture": "resnet18",
        "image_size": 32,
        "interpolation": "bilinear",
        "labels": list(LABELS),
        "mean": [0.485, 0.456, 0.406],
        "model": hashlib.sha256((model_folder / "model.onnx").read_bytes()).hexdigest(),
        "precision": "fp32",
        "resize": 37,
        "std": [0.229, 0.224, 0.225],
    }


def test_it_holds_a_model_and_no_code(model_folder: Path) -> None:
    assert {path.name for path in model_folder.iterdir()} == {"model.json", "model.onnx"}


def describe(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("size", [(32, 32), (57, 33), (20, 90)])
def test_served_probabilities_are_those_of_the_evaluation(
    classifier: Classifier, network: torch.nn.Module, encode: Encode, size: tuple[int, int]
) -> None:
    content = encode(size=size)
    (probabilities,) = classifier.infer(classifier.decode(content)[np.newaxis])
    served = {prediction.label: prediction.probability for prediction in classifier.best(probabilities, 5)}
    pixels = PREPROCESSING.read_square(content)[np.newaxis]
    with torch.inference_mode():
        expected = network(torch.from_numpy(PREPROCESSING.normalise(pixels))).softmax(1)[0]
    assert len(served) == 5
    for label, probability in served.items():
        assert probability == pytest.approx(expected[LABELS.index(label)].item(), abs=1e-5)
    # and the loss that training's evaluation reports for this image is that of the probability served
    best = max(served, key=served.__getitem__)
    score = predict(network, Images([], [LABELS.index(best)], 32, pixels), 8, Process()).score
    assert score.loss == pytest.approx(-np.log(served[best]), abs=1e-4)
    assert score.accuracy == 1


def test_predictions_come_best_first_and_no_more_than_there_are_classes(classifier: Classifier) -> None:
    best = classifier.best
    probabilities = np.array([0.1, 0.4, 0.0, 0.3, 0.2, 0.0], np.float32)
    assert best(probabilities, 2) == [
        Prediction("bee", float(probabilities[1])),
        Prediction("dog", float(probabilities[3])),
    ]
    assert [prediction.label for prediction in best(probabilities, 9)] == ["bee", "dog", "eel", "ant", "cat", "fox"]


def test_probabilities_that_are_no_numbers_are_an_error(model_folder: Path) -> None:
    with pytest.raises(ArithmeticError, match="no numbers"):
        Classifier(model_folder, threads=1).best(np.full(len(LABELS), np.nan, np.float32), 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "the model archive has no model.onnx"),
        (lambda folder: (folder / "model.json").unlink(), "the model archive has no model.json"),
        (lambda folder: (folder / "model.json").write_text("{"), "model.json is no JSON"),
        (lambda folder: (folder / "model.json").write_text('{"model": ""}'), "model.json lacks image_size, labels"),
        (lambda folder: (folder / "model.json").write_text("[]"), "model.json lacks image_size, labels"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"?"), "model.onnx cannot be loaded"),
        (lambda folder: describe(folder, image_size="large"), "run as model.json describes it"),
        (lambda folder: describe(folder, mean=[0.5] * 4), "run as model.json describes it"),
        (lambda folder: describe(folder, interpolation="lanczos"), "the interpolation 'lanczos': this server has bil"),
        (lambda folder: describe(folder, labels=["ant", "bee"]), "6 classes, and model.json 2 labels"),
    ],
    ids=[
        "no model",
        "no description",
        "no JSON",
        "half a description",
        "a list",
        "no ONNX",
        "no size",
        "four channels",
        "unknown interpolation",
        "too few labels",
    ],
)
def test_an_archive_without_a_model_is_refused_by_name(
    model_folder: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    spoil(folder)
    with pytest.raises(ModelError, match=said):
        Classifier(folder, threads=1)


def test_an_archive_of_an_earlier_version_is_served_as_it_was_trained(
    model_folder: Path, tmp_path: Path, encode: Encode
) -> None:
    """Its images were resized to the network's size, bilinearly, and model.json said nothing of it."""
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    description = json.loads((folder / "model.json").read_text())
    del description["resize"], description["interpolation"]
    (folder / "model.json").write_text(json.dumps(description))
    content = encode(size=(57, 33))
    image = ImageOps.fit(Image.open(io.BytesIO(content)), (32, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(Classifier(folder, threads=1).decode(content), np.asarray(image))


def test_a_batch_gives_what_its_images_give_alone(model_folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(model_folder / "model.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    (batch,) = session.run(None, {"images": images})
    alone = [session.run(None, {"images": image[np.newaxis]})[0][0] for image in images]
    assert batch == pytest.approx(np.stack(alone), abs=1e-5)
    assert batch.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_serving_imports_no_torch() -> None:
    program = "import serving.processes, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
