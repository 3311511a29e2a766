"""Pretrained weights: read without torch, and refused with the reason before anything is trained."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tools.deploy.convert_weights import pack
from training import weights
from training.errors import InputError
from training.model import build, classifier, replace
from training.settings import Hyperparameters

RESNET10 = Hyperparameters("resnet10", image_size=64)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return build(RESNET10, 1000, None).eval()


@pytest.fixture(scope="module")
def file(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = build(RESNET10, 1000, None)
    copy.load_state_dict(model.state_dict())
    return pack(copy, "resnet10", tmp_path_factory.mktemp("weights"))


def test_the_layers_are_those_that_were_written_but_the_last(model: nn.Module, file: Path) -> None:
    state = model.state_dict()
    found = weights.read(file)
    assert set(found) == {name for name in state if not name.startswith("fc.") and "num_batches" not in name}
    assert all(np.array_equal(value, state[name].numpy()) for name, value in found.items())


@pytest.mark.parametrize("side", [64, 97])
def test_the_backbone_gives_the_same_features_at_any_size(
    model: nn.Module, file: Path, tmp_path: Path, side: int
) -> None:
    weights.write_backbone(file, tmp_path / "backbone.onnx")
    assert (tmp_path / "backbone.onnx").stat().st_size == weights.backbone_bytes(file)
    images = np.random.default_rng(0).normal(size=(3, 3, side, side)).astype(np.float32)
    [found] = onnxruntime.InferenceSession(tmp_path / "backbone.onnx").run(["features"], {"images": images})
    backbone = build(RESNET10, 1, weights.read(file)).eval()
    replace(backbone, classifier(backbone), nn.Identity())
    with torch.inference_mode():
        assert found == pytest.approx(backbone(torch.from_numpy(images)).numpy(), abs=1e-4)


def test_a_file_is_read_without_torch(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from training import weights; weights.read(Path(sys.argv[1])); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(file)], check=True)


def test_a_file_of_the_network_will_do(file: Path) -> None:
    weights.check(file, RESNET10)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "old.pth")
    with pytest.raises(InputError, match=r"old\.pth is no \.safetensors file .* ARCH=… FILE=old\.pth turns"):
        weights.check(tmp_path / "old.pth", RESNET10)


def test_a_file_that_ends_too_early(file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"cut\.safetensors is no \.safetensors file"):
        weights.check(tmp_path / "cut.safetensors", RESNET10)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"conv1.weight": np.zeros(1, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"was not written by make weights: run make weights ARCH=… FILE=other"):
        weights.check(tmp_path / "other.safetensors", RESNET10)


def test_weights_of_another_network(file: Path) -> None:
    said = "has weights of resnet10, and architecture is resnet34: set architecture=resnet10, or run make weights ARCH="
    with pytest.raises(InputError, match=f"{said}resnet34"):
        weights.check(file, Hyperparameters("resnet34"))


def test_a_backbone_for_images_of_another_size(tmp_path: Path) -> None:
    (tmp_path / "backbone.onnx").write_bytes(b"onnx")
    path = tmp_path / "own.safetensors"
    weights.write(path, {}, tmp_path / "backbone.onnx", architecture="onnx", image_size=224)
    with pytest.raises(InputError, match=r"is for images of 224 px, and image-size is 128: set 224"):
        weights.check(path, Hyperparameters("onnx", image_size=128, trainable="head"))
    weights.check(path, Hyperparameters("onnx", image_size=224, trainable="head"))


@pytest.mark.parametrize("architecture", ["swin_t", "maxvit_t"])
def test_indices_of_a_network_are_its_own(architecture: str) -> None:
    """Whole numbers are not in a weights file."""
    state = build(Hyperparameters(architecture, image_size=224), 2, None).state_dict()
    last = ("head.", "classifier.5.")
    given = {name: value.numpy() for name, value in state.items() if value.is_floating_point()}
    build(Hyperparameters(architecture, image_size=224), 2, {k: v for k, v in given.items() if not k.startswith(last)})


def test_layers_of_another_network_are_counted(file: Path) -> None:
    with pytest.raises(InputError, match=r"are not of resnet18: 40 weights missing, 0 unknown, 0 of another shape"):
        build(Hyperparameters("resnet18"), 2, weights.read(file))
    with pytest.raises(InputError, match=r"are not of resnet50: .* of another shape"):
        build(Hyperparameters("resnet50"), 2, weights.read(file))


def test_a_file_is_held_to_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert weights.find(path, digest) == weights.find(tmp_path, digest) == path
    with pytest.raises(InputError, match=f"has the sha256 {digest}, not {'0' * 64}"):
        weights.find(path, "0" * 64)


def test_a_digest_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights-sha256 is 000000000000…, and there are no weights"):
        weights.find(tmp_path / "none", "0" * 64)


def test_without_a_digest_any_file_will_do_or_none(tmp_path: Path) -> None:
    assert weights.find(tmp_path / "none", "") is None


def test_a_folder_with_several_files(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"holds 2 \.safetensors files: leave exactly one"):
        weights.find(tmp_path, "")
