"""Seconds from the start of an endpoint instance to its first answer to an image, beside TorchServe."""

import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.photos import CLASSES
from bench.result import BenchmarkResult, seconds
from bench.serve_model import model
from bench.serve_ours import served
from bench.serve_peer import pack, torchserve
from training.export import Exported, complete
from training.model import build
from training.onnx_files import export_classifier
from training.settings import Hyperparameters

ROUNDS = 3
SMALL = Hyperparameters("resnet10", image_size=32)
MAX_SMALL, MAX_LARGE = 2.0, 3.0


def run() -> BenchmarkResult:
    """Compare with TorchServe with one thread a worker, both with the ResNet-50; a small network starts sooner."""
    folder = model().weights.parent
    archive = pack(model().weights, folder / "store")
    with tempfile.TemporaryDirectory() as small:
        _write_small(Path(small))
        ours, peers, smalls = zip(
            *(
                (_ours(model().folder), _torchserve(archive, folder / "start"), _ours(Path(small)))
                for _ in range(ROUNDS)
            ),
            strict=True,
        )
    large, peer, little = (statistics.median(times) for times in (ours, peers, smalls))
    note = (
        f"peer: TorchServe 0.12, 1 thread a worker; ResNet-50, at most {MAX_LARGE:g} s; "
        f"ResNet-10 at 32 × 32 {little:.2f} s (at most {MAX_SMALL:g})"
    )
    return seconds("serve-start", large, peer, 4, note, holds=large <= MAX_LARGE and little <= MAX_SMALL)


def _ours(folder: Path) -> float:
    with served(folder) as ours:
        _answer(ours.url)
        return time.monotonic() - ours.started


def _torchserve(archive: Path, folder: Path) -> float:
    start = time.monotonic()
    with torchserve(archive, folder, tuned=True) as url:
        _answer(url)
        return time.monotonic() - start


def _answer(url: str) -> None:
    photo = next(model().photos.rglob("*.jpg")).read_bytes()
    request = urllib.request.Request(url, photo, {"Content-Type": "image/jpeg"})  # noqa: S310 (loopback)
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()


def _write_small(folder: Path) -> None:
    export_classifier(folder / "model.onnx", build(SMALL, CLASSES, None), SMALL.image_size)
    complete(folder, [str(i) for i in range(CLASSES)], SMALL, Exported("fp32", {}, ""))
