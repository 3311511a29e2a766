"""A network of each family: what learns and what stays, and a model file that answers as PyTorch does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from serving.classifier import Classifier
from tools.deploy.convert_weights import pack
from training import head
from training.__main__ import main
from training.environment import Process
from training.folder import inspect
from training.images import Images, load
from training.loop import fit
from training.model import build, classifier, replace
from training.networks import NETWORKS
from training.onnx_files import export_classifier
from training.preparation import preprocessing
from training.settings import Hyperparameters
from training.weights import read

FAMILIES = [
    "mobilenet_v3_small",
    "squeezenet1_1",
    *(
        pytest.param(name, marks=pytest.mark.long)
        for name in (
            "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5", "mobilenet_v2",
            "regnet_x_400mf", "resnet10", "shufflenet_v2_x0_5",
        )
    ),
    # the largest, and a second one of a family
    *(
        pytest.param(name, marks=pytest.mark.soak)
        for name in (
            "alexnet", "efficientnet_v2_s", "inception_v3", "maxvit_t", "regnet_y_400mf", "resnext50_32x4d", "swin_t",
            "swin_v2_t", "vgg11", "vit_b_32", "wide_resnet50_2",
        )
    ),
]  # fmt: skip


def settings_of(architecture: str, **others: object) -> Hyperparameters:
    network = NETWORKS[architecture]
    size = network.size if network.fixed else max(32, network.minimum)
    return Hyperparameters(architecture, size, epochs=1, batch_size=8, learning_rate=0.001, **others)  # type: ignore[arg-type]


@pytest.fixture
def images(few_digits: Path) -> dict[str, Images]:
    """Eight images a split: large networks see them at their own size."""
    for path in few_digits.rglob("*.png"):
        if path.name not in {other.name for other in sorted(path.parent.iterdir())[:4]}:
            path.unlink()
    return load(inspect(few_digits), 32)


def trained(architecture: str, trainable: str, few_digits: Path, weights: Path) -> tuple[nn.Module, Hyperparameters]:
    settings = settings_of(architecture, trainable=trainable)
    model = build(settings, 2, read(weights))
    data = load(inspect(few_digits), settings.image_size, preprocessing=preprocessing(settings))
    fit(model, data, settings, Process())
    return model.eval(), settings


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_network_learns_as_far_as_it_shall_and_its_file_answers_as_it_does(
    architecture: str, few_digits: Path, images: dict[str, Images], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    torch.manual_seed(0)
    weights = pack(build(settings_of(architecture), 1000, None), architecture, tmp_path)
    given = read(weights)
    stage = NETWORKS[architecture].last_stage
    for trainable in ("last-stage", "all"):
        model, settings = trained(architecture, trainable, few_digits, weights)
        names = [name for name, _ in model.named_parameters() if name in given]
        first = next(i for i, name in enumerate(names) if name.startswith(f"{stage}.")) if trainable != "all" else 0
        same = {name for name in given if np.array_equal(model.state_dict()[name].numpy(), given[name])}
        assert set(names[:first]) <= same
        assert len(same & set(names[first:])) < len(names[first:]) / 2  # a ReLU may leave some without a gradient
        statistics = {name for name in given if "running_" in name}
        frozen = {name for name in statistics if name.rpartition(".")[0] + ".weight" in names[:first]}
        assert frozen <= same

    images_ = torch.randn(2, 3, settings.image_size, settings.image_size)
    export_classifier(tmp_path / "model.onnx", model, settings.image_size)
    with torch.inference_mode():
        expected = model(images_).softmax(1).numpy()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    [found] = session.run(["probabilities"], {"images": images_.numpy()})
    assert found == pytest.approx(expected, abs=1e-4)

    heads = []
    learn = head.fit

    def fit(*given: Any, **named: Any) -> Any:
        heads.append(learn(*given, **named))
        return heads[-1]

    monkeypatch.setattr(head, "fit", fit)
    flags = {"architecture": architecture, "image-size": settings.image_size, "batch-size": 8, "epochs": 1,
             "trainable": "head", "precision": "fp32", "export-int8": "never"}  # fmt: skip
    places = ["--data", str(few_digits), "--output", str(tmp_path / "out"), "--weights", str(weights)]
    assert main([*places, *(f"--{name}={value}" for name, value in flags.items())]) == 0
    backbone = build(settings, 2, given).eval()
    replace(backbone, classifier(backbone), nn.Identity())
    served = Classifier(tmp_path / "out" / "model", threads=1)
    pixels = served.decode(next(few_digits.rglob("*.png")).read_bytes())[np.newaxis]
    with torch.inference_mode():
        features = backbone(torch.from_numpy(preprocessing(settings).normalise(pixels))).numpy()
    [(learnt, _)] = heads
    temperature = json.loads((tmp_path / "out" / "output" / "data" / "metrics.json").read_text())["temperature"]
    expected = np.exp(learnt.cooled(temperature).log_probabilities(features))
    assert served.infer(pixels) == pytest.approx(expected, abs=1e-3)
