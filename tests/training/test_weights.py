"""Pretrained weights: read without torch and without running anything, and refused with the reason."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from training import weights
from training.errors import InputError


@pytest.fixture(scope="module")
def given() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = torchvision.models.resnet18().state_dict()
    return state


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy, as torchvision's own"])
def test_both_formats_of_torch_are_read_as_torch_reads_them(
    given: dict[str, torch.Tensor], tmp_path: Path, zipped: bool
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(given, path, _use_new_zipfile_serialization=zipped)
    state = weights.read(path, "resnet18")
    assert set(state) == {name for name in given if not name.startswith("fc.") and "num_batches" not in name}
    assert all(np.array_equal(value, given[name].numpy()) for name, value in state.items())


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run by a pickle",)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], zipped: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": Hostile()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"it names \w+\.print, which is no tensor"):
        weights.read(path, "resnet18")
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match="no state dict"):
        weights.read(path, "resnet18")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_ends_too_early(given: dict[str, torch.Tensor], tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(given, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-1_000_000])
    with pytest.raises(InputError, match=f"{path} is no state dict of torchvision's resnet18"):
        weights.read(path, "resnet18")


@pytest.mark.parametrize(("architecture", "reason"), [("resnet34", "80 weights missing"), ("resnet50", "shape")])
def test_weights_of_another_architecture(
    given: dict[str, torch.Tensor], tmp_path: Path, architecture: str, reason: str
) -> None:
    torch.save(given, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=f"is not of {architecture}: .*{reason}"):
        weights.read(tmp_path / "weights.pth", architecture)


def test_a_file_is_held_to_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
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
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"holds 2 \.pth files: leave exactly one"):
        weights.find(tmp_path, "")
