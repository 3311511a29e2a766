"""Images a second, on one core, from JPEG files of 500 × 375 pixels to network input, over five epochs.

The peer is torchvision's recipe: PIL, Resize, CenterCrop, ToTensor, Normalize, one image at a time, repeated each
epoch. Both yield the largest centred square at 224 × 224. The goal counts only if their pixels differ by less than 2 of
255 on average. The photographs are windows of the two that scikit-learn ships. Ours keeps its squares on disk here, as
for a data set too large for memory. Processor seconds count, so that other programs do not matter.
"""

import os
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from bench.result import BenchmarkResult, paired_medians
from serving.preprocessing import Preprocessing
from training import images, pixel_cache
from training.folder import inspect

ROUNDS = 3
EPOCHS = 5
BATCH = 32
PER_SPLIT = {"train": 72, "valid": 4, "test": 24}  # the pixels of the last batch, the test images, are compared
WIDTH, HEIGHT, SIDE = 500, 375, 224
PLAIN = Preprocessing(SIDE)
MAX_DIFFERENCE = 2.0  # of 255, mean over all pixels
GOAL = 2.0

_NORMALISE = transforms.Normalize(PLAIN.mean, PLAIN.std)
_PEER = transforms.Compose([transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.ToTensor(), _NORMALISE])


def run() -> BenchmarkResult:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # our decoder uses this many threads
    pixel_cache.MAX_MEMORY_BYTES = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "images"
        _write_photographs(root)
        count = len(inspect(root).files) * EPOCHS
        ours, peer = paired_medians(lambda: _ours(root, EPOCHS), lambda: _theirs(root, EPOCHS), ROUNDS, process_time)
        ours_once, peer_once = paired_medians(lambda: _ours(root, 1), lambda: _theirs(root, 1), ROUNDS, process_time)
        difference = np.abs((_ours(root, 1) - _theirs(root, 1)) * np.reshape(PLAIN.std, (3, 1, 1)) * 255).mean()
    note = f"{EPOCHS} epochs; one epoch {peer_once / ours_once:.2f} ×; pixels differ by {difference:.2f} of 255"
    ratio = round(peer / ours, 2)
    return BenchmarkResult(
        "input-pipeline", round(count / ours), round(count / peer), "img/s", ratio, GOAL, note,
        holds=bool(difference < MAX_DIFFERENCE),
    )  # fmt: skip


def _ours(root: Path, epochs: int) -> np.ndarray:
    """Decode once, then build the batches of each epoch; returns the last batch, float32 [n, 3, SIDE, SIDE]."""
    loaded = images.load(inspect(root), SIDE)
    for _ in range(epochs):
        for split in loaded.values():
            for start in range(0, len(split), BATCH):
                batch = PLAIN.normalise(split.take(np.arange(start, min(start + BATCH, len(split)))))
    return batch


def _theirs(root: Path, epochs: int) -> np.ndarray:
    """Build the same batches with the peer's recipe."""
    splits = inspect(root).splits.values()
    for _ in range(epochs):
        for split in splits:
            for start in range(0, len(split.files), BATCH):
                files = split.files[start : start + BATCH]
                batch = torch.stack([_PEER(Image.open(path).convert("RGB")) for path in files])
    return batch.numpy()


def _write_photographs(root: Path) -> None:
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    photographs = load_sample_images().images
    for split, count in PER_SPLIT.items():
        for label, photograph in zip(("flower", "temple"), photographs, strict=True):
            (root / split / label).mkdir(parents=True)
            for number in range(count // 2):
                top = random.integers(0, photograph.shape[0] - HEIGHT)
                left = random.integers(0, photograph.shape[1] - WIDTH)
                window = Image.fromarray(photograph[top : top + HEIGHT, left : left + WIDTH])
                window.save(root / split / label / f"{number}.jpg", quality=90)
