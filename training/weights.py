"""Pretrained weights: a safetensors file that `make weights` wrote, with a network's layers and its backbone as ONNX.

The layers are for PyTorch; the backbone, a tensor of bytes, is for a head's training, which does without. A file made
of an ONNX backbone has that alone. Nothing in such a file can be run (https://huggingface.co/docs/safetensors).
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from training.digests import sha256_of
from training.errors import InputError
from training.networks import making_weights
from training.packages import available
from training.settings import Hyperparameters

Weights = dict[str, np.ndarray]
SUFFIX = ".safetensors"
_BACKBONE = "backbone.onnx"
_DESCRIPTION = "slipway"  # one entry, as safetensors writes several in a random order
_CHUNK = 16 * 2**20


def find(place: Path, digest: str) -> Path | None:
    """The weights file: `place` itself, or the only one in that folder; None where there is no such place.

    Args:
        digest: sha256 that the file must have, 64 hex digits; empty for any.

    Raises:
        InputError: a folder with no or several such files, no file where a digest is given, or another file.
    """
    path = _only_file(place)
    if digest and path is None:
        raise InputError(
            f"weights-sha256 is {digest[:12]}…, and there are no weights: give the file, or drop the setting"
        )
    if digest and path and (found := sha256_of(path)) != digest:
        raise InputError(f"{path} has the sha256 {found}, not {digest}: give that file, or correct the setting")
    return path


def check(path: Path, settings: Hyperparameters) -> None:
    """Compares the description in the file with the settings.

    Raises:
        InputError: not written by `make weights`, another network's, or for images of another size.
    """
    with _opened(path) as file:
        described = json.loads((file.metadata() or {}).get(_DESCRIPTION, "{}"))
        if "architecture" not in described or _BACKBONE not in file.keys():  # noqa: SIM118 (no dictionary)
            raise InputError(
                f"{path} was not written by make weights: run make weights ARCH=… FILE={shlex.quote(path.name)}"
            )
    theirs, size = described["architecture"], described["image_size"]
    if theirs != settings.architecture:
        raise InputError(
            f"{path} has weights of {theirs}, and architecture is {settings.architecture}: "
            f"set architecture={theirs}, or run {making_weights(settings.architecture)}"
        )
    if size and size != settings.image_size:
        raise InputError(f"{path} is for images of {size} px, and image-size is {settings.image_size}: set {size}")


def read(path: Path) -> Weights:
    """Weights of the layers by torchvision's names, the last layer's left out."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys() if name != _BACKBONE}  # noqa: SIM118


def backbone_bytes(path: Path) -> int:
    """Size of the backbone, an ONNX file."""
    with _opened(path) as file:
        return int(file.get_slice(_BACKBONE).get_shape()[0])


def write_backbone(path: Path, target: Path) -> None:
    """Writes the backbone to an ONNX file, `images` to `features`, a little at a time."""
    with _opened(path) as file, target.open("wb") as written:
        content = file.get_slice(_BACKBONE)
        [size] = content.get_shape()
        for start in range(0, size, _CHUNK):
            written.write(content[start : min(start + _CHUNK, size)].tobytes())


def write(
    path: Path, layers: Mapping[str, np.ndarray], backbone: Path, *, architecture: str, image_size: int | None
) -> None:
    """Writes a weights file.

    Args:
        image_size: the only one that the backbone takes, px; None if it takes any.
    """
    _require_package()
    from safetensors.numpy import save_file

    described = json.dumps({"architecture": architecture, "image_size": image_size})
    save_file({**layers, _BACKBONE: np.fromfile(backbone, np.uint8)}, path, {_DESCRIPTION: described})


def _only_file(place: Path) -> Path | None:
    if not place.is_dir():
        return place if place.exists() else None
    files = sorted(place.glob(f"*{SUFFIX}"))
    if len(files) != 1:
        raise InputError(f"{place} holds {len(files)} {SUFFIX} files: leave exactly one")
    return files[0]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open safetensors file."""
    _require_package()
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise InputError(
            f"{path} is no {SUFFIX} file ({error}): "
            f"make weights ARCH=… FILE={shlex.quote(path.name)} turns a .pth into one"
        ) from None


def _require_package() -> None:
    if not available("safetensors"):
        raise InputError("the Python package safetensors is missing, and weights need it: pip install safetensors")
