"""Pretrained weights: a state dict as torch.save writes it, read without running anything in it and without torch.

As torch's own weights_only does, the pickle may name nothing but tensors and dictionaries. Importing torch takes half a
gigabyte, more than the rest of a head's training. Formats: torch/serialization.py, `_legacy_save` and `_save`.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from training.digests import sha256_of
from training.errors import InputError
from training.resnet import shapes

Weights = dict[str, np.ndarray]
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_LEGACY_HEADER = 3  # pickles before the tensors': magic number, version, sizes of C types
_COUNTERS = ".num_batches_tracked"  # of BatchNorm, which older files lack and nothing needs


def find(place: Path, digest: str) -> Path | None:
    """The weights file: `place` itself, or the only .pth in that folder; None where there is no such place.

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


def read(path: Path, architecture: str) -> Weights:
    """Weights of the architecture's layers by torchvision's names, the last layer's left out.

    Raises:
        InputError: unreadable, or another network's.
    """
    try:
        state = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        found = {name: tuple(value.shape) for name, value in state.items()}
    except Exception as error:  # unpickling raises all sorts; each means the file is not what it should be
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is no state dict of torchvision's {architecture}: {text}") from None
    expected = shapes(architecture)
    state = {name: value for name, value in state.items() if not name.startswith("fc.") and _COUNTERS not in name}
    missing, unknown = expected.keys() - state.keys(), state.keys() - expected.keys()
    other = [name for name in expected.keys() & state.keys() if found[name] != expected[name]]
    if missing or unknown or other:
        raise InputError(
            f"{path} is not of {architecture}: "
            f"{len(missing)} weights missing, {len(unknown)} unknown, {len(other)} of another shape"
        )
    return state


def _only_file(place: Path) -> Path | None:
    if not place.is_dir():
        return place if place.exists() else None
    files = sorted(place.glob("*.pth"))
    if len(files) != 1:
        raise InputError(f"{place} holds {len(files)} .pth files: leave exactly one")
    return files[0]


class _Unpickler(pickle.Unpickler):
    """Makes dictionaries of arrays, and nothing else."""

    def __init__(self, file: IO[bytes], storage: Callable[[str, str, int], np.ndarray]) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _tensor
            case "torch._utils", "_rebuild_parameter":
                return lambda tensor, *_: tensor
            case "torch", _ if name in _DTYPES:
                return _DTYPES[name]
        raise ValueError(f"it names {module}.{name}, which is no tensor")

    def persistent_load(self, pid: tuple[Any, ...]) -> np.ndarray:
        _, dtype, key, _, count = pid[:5]
        return self._storage(dtype, key, count)


def _tensor(
    storage: np.ndarray, start: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> np.ndarray:
    array = storage[start : start + math.prod(shape)].reshape(shape)
    contiguous = [step // array.itemsize for step in array.strides]
    if any(a != b for a, b, side in zip(contiguous, strides, shape, strict=True) if side > 1):
        raise ValueError("it holds a tensor that is not contiguous")
    return array


def _read_zip(path: Path) -> Weights:
    with zipfile.ZipFile(path) as archive:
        [index] = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = index.removesuffix("data.pkl")

        def storage(dtype: str, key: str, count: int) -> np.ndarray:
            content = bytearray(archive.read(f"{folder}data/{key}"))  # writable, as torch asks
            return np.frombuffer(content, dtype, count)

        return dict(_Unpickler(io.BytesIO(archive.read(index)), storage).load())


def _read_legacy(path: Path) -> Weights:
    """The older format, which torchvision's own files have: the numbers follow the pickle."""
    storages: dict[str, np.ndarray] = {}

    def storage(dtype: str, key: str, count: int) -> np.ndarray:
        return storages.setdefault(key, np.empty(count, dtype))

    with path.open("rb") as file:
        for _ in range(_LEGACY_HEADER):
            _Unpickler(file, storage).load()
        state = dict(_Unpickler(file, storage).load())
        for key in _Unpickler(file, storage).load():
            file.seek(8, io.SEEK_CUR)  # the count, which the pickle has told
            if file.readinto(memoryview(storages[key]).cast("B")) != storages[key].nbytes:
                raise ValueError("it ends too early")
    return state
