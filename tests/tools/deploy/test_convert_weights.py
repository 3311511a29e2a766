"""Weights become one safetensors file on the user's machine; nothing in the given file is run."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from tools.deploy.convert_weights import convert, convert_backbone
from training import weights
from training.errors import InputError
from training.model import build
from training.onnx_files import add_head
from training.settings import Hyperparameters

Save = Callable[[dict[str, torch.Tensor], Path], None]


@pytest.fixture(scope="module")
def given() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = models.squeezenet1_1().state_dict()
    return state


def legacy(state: dict[str, torch.Tensor], path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("save", "name"), [(torch.save, "w.pth"), (legacy, "w.pth"), (save_file, "w.safetensors")], ids=["zip", "old", "st"]
)
def test_a_state_dict_is_taken_whatever_its_file(
    given: dict[str, torch.Tensor], tmp_path: Path, save: Save, name: str
) -> None:
    save(given, tmp_path / name)
    (tmp_path / "made").mkdir()
    path = convert(tmp_path / name, "squeezenet1_1", tmp_path / "made")
    assert [path] == [*(tmp_path / "made").iterdir()]
    weights.check(path, Hyperparameters("squeezenet1_1"))
    found = weights.read(path)
    assert set(found) == {name for name in given if not name.startswith("classifier.")}
    assert all(np.array_equal(value, given[name].numpy()) for name, value in found.items())


def test_the_same_weights_become_the_same_bytes(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Else each upload would train anew."""
    torch.save(given, tmp_path / "w.pth")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, two = (convert(tmp_path / "w.pth", "squeezenet1_1", tmp_path / name) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_names_of_early_densenets_are_todays(tmp_path: Path) -> None:
    model = models.densenet121()
    old = {name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
           for name, value in model.state_dict().items()}  # fmt: skip
    torch.save(old, tmp_path / "w.pth")
    found = weights.read(convert(tmp_path / "w.pth", "densenet121", tmp_path))
    name = "features.denseblock1.denselayer1.norm1.weight"
    assert np.array_equal(found[name], model.state_dict()[name].numpy())


@pytest.mark.parametrize("name", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.long), "mnasnet0_5"])
def test_what_torchvision_publishes_of_an_unusual_network_fits(name: str, tmp_path: Path) -> None:
    """Its files have the layers of further losses, which are not built here."""
    further = {} if name.startswith("mnasnet") else {"aux_logits": True, "init_weights": False}
    torch.save(getattr(models, name)(**further).state_dict(), tmp_path / "w.pth")
    build(Hyperparameters(name), 2, weights.read(convert(tmp_path / "w.pth", name, tmp_path)))


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run by a pickle",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4:UserWarning")
@pytest.mark.parametrize("save", [torch.save, legacy])
def test_nothing_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], save: Save) -> None:
    path = tmp_path / "weights.pth"
    save({"features.0.weight": Hostile()}, path)  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"weights\.pth is no state dict"):
        convert(path, "squeezenet1_1", tmp_path)
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match="is no state dict"):
        convert(path, "squeezenet1_1", tmp_path)
    assert "run by" not in capsys.readouterr().out


def test_a_file_that_ends_too_early_or_holds_more_than_tensors(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(given, path)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(InputError, match=r"w\.pth is no state dict"):
        convert(path, "squeezenet1_1", tmp_path)
    torch.save({"epoch": 3, "model": given}, path)
    with pytest.raises(InputError, match=r"save it with torch\.save\(model\.state_dict\(\), …\)"):
        convert(path, "squeezenet1_1", tmp_path)


def test_weights_of_another_network_are_refused_by_count(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(given, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: the weights are not of resnet10: \d+ weights missing, \d+ unknown"):
        convert(tmp_path / "w.pth", "resnet10", tmp_path)


def test_weights_with_what_is_no_number_are_refused(given: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(given | {"features.0.bias": torch.full((64,), torch.nan)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth has values that are no numbers, in 1 layers"):
        convert(tmp_path / "w.pth", "squeezenet1_1", tmp_path)


class Backbone(nn.Module):
    """Mean colours, and their double."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean((2, 3))
        return torch.cat([means, 2 * means], 1)


def exported(path: Path, model: nn.Module, axes: dict[int, str], outputs: tuple[str, ...] = ("embedding",)) -> Path:
    torch.onnx.export(
        model, (torch.zeros(1, 3, 32, 32),), str(path), dynamo=False, opset_version=13, input_names=["pixels"],
        output_names=[*outputs], dynamic_axes={"pixels": axes, outputs[0]: {0: "batch"}},
    )  # fmt: skip
    return path


@pytest.mark.parametrize(("axes", "size"), [({0: "b"}, 32), ({0: "b", 2: "y", 3: "x"}, 224)])
def test_any_onnx_backbone_is_taken_under_the_names_of_ours(tmp_path: Path, axes: dict[int, str], size: int) -> None:
    found, path = convert_backbone(exported(tmp_path / "own.onnx", Backbone(), axes), tmp_path)
    assert (found, path.name) == (size, "own.safetensors")
    weights.check(path, Hyperparameters("onnx", image_size=size, trainable="head"))
    weights.write_backbone(path, tmp_path / "again.onnx")
    images = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
    [features] = onnxruntime.InferenceSession(tmp_path / "again.onnx").run(["features"], {"images": images})
    assert features[:, :3] == pytest.approx(images.mean((2, 3)), abs=1e-5)


class Projected(nn.Module):
    """Mean colours and a linear layer, which is called as the head that a training adds."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.mean((2, 3)))


@pytest.mark.parametrize("inner", ["features", "images", "logits", "probabilities"])
def test_a_backbone_has_any_names_inside(tmp_path: Path, inner: str) -> None:
    own = onnx.load(exported(tmp_path / "own.onnx", Projected(), {0: "b"}))
    assert "head.weight" in {weight.name for weight in own.graph.initializer}
    mean, layer = own.graph.node
    mean.output[0] = layer.input[0] = inner
    onnx.save(own, tmp_path / "own.onnx")
    _, path = convert_backbone(tmp_path / "own.onnx", tmp_path)
    weights.write_backbone(path, tmp_path / "model.onnx")
    add_head(tmp_path / "model.onnx", np.zeros((2, 5), np.float32), np.zeros(2, np.float32))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    [probabilities] = session.run(["probabilities"], {"images": np.ones((1, 3, 32, 32), np.float32)})
    assert probabilities.tolist() == [[0.5, 0.5]]


class Halved(Backbone):
    """Features in float16, which the head cannot take."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images).half()


class NoNumbers(Backbone):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) / 0


@pytest.mark.parametrize(
    ("model", "axes", "said"),
    [
        (Backbone(), {}, "takes no batches of RGB images, but 1 at a time: export it with a dynamic first axis"),
        (Halved(), {0: "b"}, "takes or gives other numbers than float32: export it with float32"),
        (NoNumbers(), {0: "b"}, "gives no numbers for two grey images"),
        (
            nn.Identity(),
            {0: "b"},
            "has other inputs or outputs than images .* export the network without its last layer",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 32), nn.Flatten(1, 2)), {0: "b"}, "has other inputs or outputs"),
    ],
    ids=["one image", "float16", "no numbers", "no features", "three axes"],
)
def test_a_network_that_is_no_backbone_is_refused(
    tmp_path: Path, model: nn.Module, axes: dict[int, str], said: str
) -> None:
    with pytest.raises(InputError, match=rf"own\.onnx {said}"):
        convert_backbone(exported(tmp_path / "own.onnx", model, axes), tmp_path)


@pytest.mark.parametrize(
    ("side", "axis", "said"),
    [("input", 1, "takes no RGB images"), ("output", 1, "does not say how many features it gives")],
)
def test_a_backbone_has_to_say_its_channels_and_features(tmp_path: Path, side: str, axis: int, said: str) -> None:
    own = onnx.load(exported(tmp_path / "own.onnx", Backbone(), {0: "b"}))
    getattr(own.graph, side)[0].type.tensor_type.shape.dim[axis].dim_param = "any"
    onnx.save(own, tmp_path / "own.onnx")
    with pytest.raises(InputError, match=rf"own\.onnx {said}"):
        convert_backbone(tmp_path / "own.onnx", tmp_path)


def test_a_file_that_is_no_onnx_or_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"own\.onnx is no ONNX file that can be used"):
        convert_backbone(tmp_path / "own.onnx", tmp_path)
    network = onnx.load(exported(tmp_path / "own.onnx", Backbone(), {0: "b"}))
    network.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(network, tmp_path / "own.onnx")
    with pytest.raises(InputError, match=r"own\.onnx is no ONNX file that can be used"):
        convert_backbone(tmp_path / "own.onnx", tmp_path)
