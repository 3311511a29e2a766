"""Images a second from photographs to augmented network input, epochs 2 to 4, beside torchvision's DataLoader.

Both cut crops of 0.08 to 1 of the whole image, mirror, and yield normalised float32 batches at 224 px. Ours decodes
once, before the first epoch; the note says for how long. The goal counts only if whole epochs of a ResNet-18 at 128 px
are no slower either. The recipe has a worker a core. The two run in turn.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench.photos import write_photos
from bench.result import BenchmarkResult
from serving.preprocessing import Preprocessing
from training.batches import Augmentation, training_batches
from training.environment import Process
from training.feed import Feed
from training.folder import inspect
from training.images import load
from training.machine import cores

IMAGES, SIDE, BATCH, EPOCHS, ROUNDS = 512, 224, 64, 4, 3
NETWORK, NETWORK_SIDE, NETWORK_IMAGES, NETWORK_EPOCHS = "resnet18", 128, 256, 3
GOAL = 1.5
NO_SLOWER = 0.97  # of the peer; two runs of the same program differ as much


def run() -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as name:
        photos, few = Path(name) / "photos", Path(name) / "few"
        write_photos(photos, IMAGES)
        write_photos(few, NETWORK_IMAGES)
        pairs = [(*pipeline(photos), peer("loader", NETWORK, SIDE, photos, EPOCHS, BATCH)) for _ in range(ROUNDS)]
        ours, decoding, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        whole = [
            (_epochs(few), peer("train", NETWORK, NETWORK_SIDE, few, NETWORK_EPOCHS, BATCH)) for _ in range(ROUNDS)
        ]
    ratio = statistics.median(one / other for one, _, other in pairs)
    network = statistics.median(one / other for one, other in whole)
    speeds = " and ".join(f"{statistics.median(column):.1f}" for column in zip(*whole, strict=True))
    note = (
        f"peer: DataLoader, {cores()} workers; decoding before the first epoch {decoding:.1f} s for {IMAGES} images; "
        f"epochs of a {NETWORK} at {NETWORK_SIDE} px {network:.2f} × the peer ({speeds} images/s; at least {NO_SLOWER})"
    )
    return BenchmarkResult(
        "train-photos", round(ours), round(theirs), "images/s", round(ratio, 2), GOAL, note, holds=network >= NO_SLOWER
    )


def pipeline(photos: Path, side: int = SIDE, batch: int = BATCH, epochs: int = EPOCHS) -> tuple[float, float]:
    """Images a second over the epochs after the first, and the seconds of decoding before it."""
    start = time.perf_counter()
    images = load(inspect(photos), side, whole=True)["train"]
    decoding = time.perf_counter() - start
    feed = Feed(torch.device("cpu"), Preprocessing(side))
    for epoch in range(1, epochs + 1):
        if epoch == 2:
            start = time.perf_counter()
        how = Augmentation("photo")
        for step in training_batches(images, how, batch_size=batch, seed=0, epoch=epoch, process=Process()):
            feed.images(step)
    return len(images) * (epochs - 1) / (time.perf_counter() - start), decoding


def peer(part: str, architecture: str, side: int, photos: Path, epochs: int, batch: int) -> float:
    """Images a second of torchvision's recipe over the epochs after the first."""
    settings = [part, architecture, side, photos, epochs, batch, cores()]
    command = [sys.executable, "-m", "bench.peers.torchvision_training", *map(str, settings)]
    speeds = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return float(statistics.harmonic_mean(speeds[1:]))


def train(photos: Path, output: Path, **settings: object) -> str:
    """Log of a training of all layers with photographs' augmentation, in all cores."""
    chosen = {"augment": "photo", "export-int8": "never", **settings}
    flags = [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "training", "--data", str(photos), "--output", str(output), *flags]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def speeds(log: str) -> list[float]:
    """Images a second of each epoch, from the training's log."""
    return [float(speed) for speed in re.findall(r"validation:accuracy=\S+ train:images_per_second=(\S+)", log)]


def _epochs(photos: Path) -> float:
    with tempfile.TemporaryDirectory() as output:
        log = train(
            photos, Path(output), architecture=NETWORK, image_size=NETWORK_SIDE, epochs=NETWORK_EPOCHS, batch_size=BATCH
        )
    return statistics.harmonic_mean(speeds(log)[1:])
