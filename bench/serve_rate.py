"""Answers a second of an endpoint instance (ResNet-50, 500 × 375 JPEGs, 32 clients), beside TorchServe and the engine.

The network learns scikit-learn's digits at 32 × 32, where the accuracy of int8 is compared with fp32. The same weights
are then served at 224 × 224, in int8 by us and in fp32 eager mode, TorchServe's default, by the peer. Both servers run
while each is loaded in turn; the median of the rounds counts. The load generator is a process that takes the same share
of the machine from both; the note has it. Clients post directly to our replica. On AWS each call first passes the
image's adapter, one more process on the same cores, which these figures leave out.
"""

import atexit
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from bench.photos import CLASSES, write_photos
from bench.result import BenchmarkResult
from bench.serve_load import Load
from bench.serve_ours import Served, served
from bench.serve_peer import pack, torchserve
from tools.dataset.digits import write
from training.environment import Process
from training.export import CALIBRATION_IMAGES, Exported, complete, predict
from training.folder import inspect
from training.images import load
from training.loop import fit
from training.model import build
from training.quantise import quantise
from training.resnet import write_classifier
from training.settings import Hyperparameters

ROUNDS, CLIENTS, SECONDS = 3, 32, 10.0
PHOTOS = 40
MAX_P99, MAX_MB, MAX_READY, MAX_LOSS = 1.0, 350, 3.0, 0.005
ARCHITECTURE, SIZE = "resnet50", 224
LEARNT_AT = Hyperparameters(ARCHITECTURE, image_size=32, epochs=14, batch_size=64, learning_rate=0.005)


def default() -> BenchmarkResult:
    """Compare with TorchServe with its defaults."""
    return _beside_torchserve("serve-rate-default", 10.0, tuned=False)


def tuned() -> BenchmarkResult:
    """Compare with TorchServe with one thread a worker."""
    return _beside_torchserve("serve-rate-tuned", 3.5, tuned=True)


def limit() -> BenchmarkResult:
    """Compare with the bare engine at full load."""
    model = _model()
    with served(model.folder) as ours:
        engines, loads, used = [], [], np.zeros(2)
        for _ in range(ROUNDS):
            before = np.array(ours.processor())
            loads.append(_load(ours.url))
            used += ours.processor() - before
            engines.append(_engine(model))
        replica, others = 1000 * used / sum(load.answers for load in loads)
        rate, engine = (statistics.median(found[name] for found in engines) for name in ("rate", "processor"))
        note = (
            f"peer: decode ahead, infer full batches, {1000 * engine:.1f} ms of processor an image; ours an answer: "
            f"replica {replica:.1f} ms, Ray's other processes {others:.1f} ms"
        )
        return _result("serve-limit", 0.6, loads, rate, note, ours)


@dataclass(frozen=True)
class Model:
    """Model under test.

    Attributes:
        folder: model folder as training exports it, in int8.
        weights: torch file of the same network.
        photos: folder of JPEGs to send.
        accuracy: test accuracy on the digits, by precision.
    """

    folder: Path
    weights: Path
    photos: Path
    accuracy: dict[str, float]


@cache
def _model() -> Model:
    root = Path(tempfile.mkdtemp(prefix="serve-rate-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    photos, weights, folder = root / "photos", root / "weights.pth", root / "model"
    folder.mkdir()
    write_photos(photos, PHOTOS)
    write(root / "digits")
    digits = load(inspect(root / "digits"), LEARNT_AT.image_size)
    torch.manual_seed(0)
    network = build(LEARNT_AT, CLASSES, None)
    fit(network, digits, LEARNT_AT, Process())
    torch.save(network.state_dict(), weights)
    state = {name: value.numpy() for name, value in network.state_dict().items()}

    def export(size: int, pixels: np.ndarray, fp32: Path, int8: Path) -> None:
        write_classifier(fp32, ARCHITECTURE, state, size)
        quantise(fp32, int8, pixels)

    export(LEARNT_AT.image_size, digits["train"].sample(CALIBRATION_IMAGES, 0), root / "fp32.onnx", root / "int8.onnx")
    tests = {name: predict(root / f"{name}.onnx", digits["test"]) for name in ("fp32", "int8")}
    pixels = load(inspect(photos), SIZE)["train"].take(np.arange(PHOTOS))
    export(SIZE, pixels, root / "large.onnx", folder / "model.onnx")
    labels = [str(i) for i in range(CLASSES)]
    exported = Exported("int8", tests, "")
    complete(folder, labels, Hyperparameters(ARCHITECTURE, image_size=SIZE), exported)
    return Model(folder, weights, photos / "train", exported.accuracies)


def _beside_torchserve(name: str, goal: float, *, tuned: bool) -> BenchmarkResult:
    model = _model()
    archive = pack(model.weights, model.weights.parent / "store")
    log = model.weights.parent / name
    with served(model.folder) as ours, torchserve(archive, log, tuned=tuned) as url:
        loads, peers = zip(*((_load(ours.url), _load(url)) for _ in range(ROUNDS)), strict=True)
        rate, p99 = (statistics.median(getattr(peer, field) for peer in peers) for field in ("rate", "p99"))
        how = "1 thread a worker" if tuned else "defaults"
        return _result(name, goal, loads, rate, f"peer: TorchServe 0.12, {how}, p99 {p99:.2f} s", ours)


def _load(url: str) -> Load:
    command = [sys.executable, "-m", "bench.serve_load", url, str(_model().photos), str(CLIENTS), str(SECONDS)]
    return Load(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _engine(model: Model) -> dict[str, float]:
    """Images a second of the bare engine (`rate`), and processor seconds an image (`processor`)."""
    program = Path(__file__).parent / "peers" / "bare_engine.py"
    command = [sys.executable, str(program), str(model.folder), str(model.photos), str(SECONDS)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _result(name: str, goal: float, loads: Sequence[Load], peer: float, note: str, ours: Served) -> BenchmarkResult:
    rate, p99, generator = (
        statistics.median(getattr(load, field) for load in loads) for field in ("rate", "p99", "processor")
    )
    answered = all(load.statuses.keys() == {"200"} for load in loads)
    accuracy, memory = _model().accuracy, ours.memory
    fast, small, soon = p99 < MAX_P99, memory <= MAX_MB, ours.ready <= MAX_READY
    exact = accuracy["fp32"] - accuracy["int8"] <= MAX_LOSS
    note = (
        f"{note}; ours p99 {p99:.2f} s (under {MAX_P99:g}), replica {memory:.0f} MB (at most {MAX_MB}), "
        f"ready in {ours.ready:.1f} s (at most {MAX_READY:g}), digits fp32 {accuracy['fp32']:.4f}, "
        f"int8 {accuracy['int8']:.4f} (at most {MAX_LOSS} less); load generator {1000 * generator:.1f} ms an answer"
    )
    holds = fast and small and soon and exact and answered
    return BenchmarkResult(name, round(rate, 1), round(peer, 1), "req/s", round(rate / peer, 2), goal, note, holds)
