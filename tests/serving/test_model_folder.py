"""The model directory: all that an endpoint needs, and the same answers as the network it came from."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.serving.conftest import LABELS
from training.environment import Process
from training.images import Images
from training.loop import predict
from training.resnet import MEAN, STD

Encode = Callable[..., bytes]


def test_it_describes_the_model(model_folder: Path) -> None:
    description = json.loads((model_folder / "model.json").read_text())
    assert 0 <= description.pop("test_accuracy")["fp32"] <= 1
    assert description == {
        "architecture": "resnet18",
        "image_size": 32,
        "labels": list(LABELS),
        "mean": list(MEAN),
        "model": hashlib.sha256((model_folder / "model.onnx").read_bytes()).hexdigest(),
        "precision": "fp32",
        "std": list(STD),
    }


def test_it_holds_the_payload_and_nothing_of_the_workshop(model_folder: Path) -> None:
    present = {path.relative_to(model_folder).as_posix() for path in model_folder.rglob("*") if path.is_file()}
    wheels = {name for name in present if name.startswith("wheels/")}
    assert present - wheels == {
        "batcher.py",
        "classifier.py",
        "code/lock.txt",
        "code/requirements.txt",
        "config.yaml",
        "deployment.py",
        "model.json",
        "model.onnx",
        "preprocessing.py",
        "protocol.py",
    }


def test_the_configuration_names_the_deployment(model_folder: Path) -> None:
    (application,) = yaml.safe_load((model_folder / "config.yaml").read_text())["applications"]
    assert application["import_path"] == "deployment:app"
    assert application["route_prefix"] == "/"


def test_requirements_are_hashed_and_need_no_network(model_folder: Path) -> None:
    lines = (model_folder / "code" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "--no-index",
        "--find-links /opt/ml/model/wheels",
        "--requirement lock.txt",
    ]
    lock = (model_folder / "code" / "lock.txt").read_text()
    pinned = [line.split("==")[0] for line in lock.splitlines() if "==" in line]
    assert pinned == ["flatbuffers", "onnxruntime"]
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_onnxruntime_is_the_version_that_the_tests_run(model_folder: Path) -> None:
    import onnxruntime

    assert f"onnxruntime=={onnxruntime.__version__} " in (model_folder / "code" / "lock.txt").read_text()


@pytest.mark.parametrize("size", [(32, 32), (57, 33), (20, 90)])
def test_served_probabilities_are_those_of_the_evaluation(
    in_container: Path, network: torch.nn.Module, encode: Encode, size: tuple[int, int]
) -> None:
    from classifier import Classifier

    from serving.preprocessing import normalise, read_square

    content = encode(size=size)
    classifier = Classifier(in_container)
    (probabilities,) = classifier.infer(classifier.decode(content)[np.newaxis])
    served = {prediction.label: prediction.probability for prediction in classifier.best(probabilities, 5)}
    pixels = read_square(content, 32)[np.newaxis]
    with torch.inference_mode():
        expected = network(torch.from_numpy(normalise(pixels, MEAN, STD))).softmax(1)[0]
    assert len(served) == 5
    for label, probability in served.items():
        assert probability == pytest.approx(expected[LABELS.index(label)].item(), abs=1e-5)
    # and the loss that training's evaluation reports for this image is that of the probability served
    best = max(served, key=served.__getitem__)
    score = predict(network, Images([], [LABELS.index(best)], 32, pixels), 8, Process()).score
    assert score.loss == pytest.approx(-np.log(served[best]), abs=1e-4)
    assert score.accuracy == 1


def test_predictions_come_best_first_and_no_more_than_there_are_classes(in_container: Path) -> None:
    from classifier import Classifier, Prediction

    best = Classifier(in_container).best
    probabilities = np.array([0.1, 0.4, 0.0, 0.3, 0.2, 0.0], np.float32)
    assert best(probabilities, 2) == [Prediction("bee", pytest.approx(0.4)), Prediction("dog", pytest.approx(0.3))]
    assert [prediction.label for prediction in best(probabilities, 9)] == ["bee", "dog", "eel", "ant", "cat", "fox"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "the model archive has no model.onnx"),
        (lambda folder: (folder / "model.json").unlink(), "the model archive has no model.json"),
        (lambda folder: (folder / "model.json").write_text("{"), "model.json is no JSON"),
        (lambda folder: (folder / "model.json").write_text('{"model": ""}'), "model.json lacks image_size, labels"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"?"), "model.onnx cannot be loaded"),
    ],
    ids=["no model", "no description", "no JSON", "half a description", "no ONNX"],
)
def test_an_archive_without_a_model_is_refused_by_name(
    in_container: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    from classifier import Classifier, ModelError

    folder = tmp_path / "model"
    shutil.copytree(in_container, folder, ignore=shutil.ignore_patterns("wheels"))
    spoil(folder)
    with pytest.raises(ModelError, match=said):
        Classifier(folder)


def test_a_batch_gives_what_its_images_give_alone(model_folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(model_folder / "model.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    (batch,) = session.run(None, {"images": images})
    alone = [session.run(None, {"images": image[np.newaxis]})[0][0] for image in images]
    assert batch == pytest.approx(np.stack(alone), abs=1e-5)
    assert batch.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_serving_imports_no_torch(model_folder: Path) -> None:
    program = "import classifier, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=model_folder, check=True)
