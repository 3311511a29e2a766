"""Duration of training a head on a frozen ResNet-50 (500 photo-sized JPEGs, 5 epochs), beside two recipes.

The peers are the original project's recipe and torchvision's. Ours is the whole training process, export included. Of a
peer, one epoch is timed, without start-up or evaluation, and multiplied by five, which is in the peer's favour. The
weights are random, which affects no time. Accuracy is compared separately: a ResNet-10 learns the digits 0 to 4, and
heads on its weights learn the digits 5 to 9.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bench.photos import write_halves, write_photos
from bench.result import BenchmarkResult, seconds
from tools.deploy.convert_weights import pack
from training.model import build
from training.settings import Hyperparameters

IMAGES, EPOCHS, GOAL = 500, 5, 15.0
ARCHITECTURE = "resnet50"
TRANSFER_EPOCHS = 20
MAX_LOSS = 0.01  # of accuracy, compared with the peer
MAX_MB = 450  # leaves room on a t2.micro


def original() -> BenchmarkResult:
    """Compare with the original project's recipe."""
    with _prepared() as (weights, photos):
        peer = float(_python("bench.peers.original_head", weights, photos, 1).split()[0]) * EPOCHS
        return _result("train-original", peer, weights, photos, f"peer: the original's recipe, 1 epoch × {EPOCHS}")


def torchvision() -> BenchmarkResult:
    """Compare with torchvision's reference recipe, in time and in accuracy."""
    with _prepared() as (weights, photos):
        output = _python("bench.peers.torchvision_head", ARCHITECTURE, 224, weights, photos, 1)
        peer = float(output.split()[0]) * EPOCHS
        ours, theirs, int8 = _accuracies(photos.parent)
        note = (
            f"peer: torchvision's recipe, 1 epoch × {EPOCHS}; digits 5 to 9 on weights of 0 to 4, test accuracy "
            f"ours {ours:.3f}, with int8 features {int8:.3f}, peer {theirs:.3f} (at most {MAX_LOSS} less)"
        )
        return _result("train-torchvision", peer, weights, photos, note, holds=ours >= theirs - MAX_LOSS)


def _result(name: str, peer: float, weights: Path, photos: Path, note: str, holds: bool = True) -> BenchmarkResult:
    taken, metrics = _train(weights, photos)
    views, _ = _train(weights, photos, views=4)
    int8, _ = _train(weights, photos, precision="int8")
    note = (
        f"{note}; {metrics['engine']}, {metrics['peak_memory_mb']:.0f} MB (at most {MAX_MB}); "
        f"with 4 views {views:.1f} s, with int8 features {int8:.1f} s"
    )
    return seconds(name, taken, peer, GOAL, note, holds=holds and metrics["peak_memory_mb"] <= MAX_MB)


def _train(weights: Path, folder: Path, **settings: object) -> tuple[float, dict[str, Any]]:
    """Train; returns the seconds of the whole process and its metrics. No int8 export, as the peers have none."""
    chosen = {
        "architecture": ARCHITECTURE, "image-size": 224, "epochs": EPOCHS, "learning-rate": 0.005, "trainable": "head",
        "export-int8": "never", **settings,
    }  # fmt: skip
    flags = [word for name, value in chosen.items() for word in (f"--{name}", value)]
    with tempfile.TemporaryDirectory() as output:
        start = time.perf_counter()
        _python("training", "--data", folder, "--output", output, "--weights", weights, *flags)
        taken = time.perf_counter() - start
        return taken, json.loads((Path(output) / "output" / "data" / "metrics.json").read_text())


def _accuracies(folder: Path) -> tuple[float, float, float]:
    """Test accuracies: ours, the peer's, and ours with int8 features."""
    first, second = write_halves(folder / "digits")
    weights = _pretrain(first, folder)
    small = {"architecture": "resnet10", "image-size": 32, "epochs": TRANSFER_EPOCHS, "learning-rate": 0.1}
    found = [
        _train(weights, second, **small, precision=precision)[1]["test"]["accuracy"] for precision in ("auto", "int8")
    ]
    output = _python("bench.peers.torchvision_head", "resnet10", 32, weights, second, TRANSFER_EPOCHS)
    return found[0], float(output.split()[1]), found[1]


def _pretrain(images: Path, folder: Path) -> Path:
    from training.environment import Process
    from training.folder import inspect
    from training.images import load
    from training.loop import fit

    settings = Hyperparameters("resnet10", image_size=32, epochs=4, batch_size=64, learning_rate=0.02, augment="shift")
    data = inspect(images)
    torch.manual_seed(0)
    model = build(settings, len(data.classes), None)
    fit(model, load(data, settings.image_size), settings, Process())
    return pack(model, settings.architecture, folder)


@contextmanager
def _prepared() -> Iterator[tuple[Path, Path]]:
    """Create a file of random weights and a folder of photographs."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        torch.manual_seed(0)
        weights = pack(build(Hyperparameters(ARCHITECTURE), 1000, None), ARCHITECTURE, Path(folder))
        write_photos(photos, IMAGES)
        yield weights, photos


def _python(module: str, *arguments: object) -> str:
    """Run a module with all cores of this machine; returns its output."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
