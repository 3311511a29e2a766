"""Network input made of JPEG files of 500 × 375 pixels, images/s on one core, as a training of five epochs asks for it.

The peer is torchvision's recipe: PIL, Resize, CenterCrop, ToTensor, Normalize, an image at a time, anew each epoch.
Both give the largest centred square at 224 × 224. The goal counts only while their pixels differ by less than 2 of
255 in the mean. The photographs are windows of the two that scikit-learn ships. Ours keeps its squares on disk here,
as for a data set too large for memory.

Predicted: decoding once and keeping the bytes makes five epochs cost one and a half, so 3 to 4 times the peer; one
epoch alone no more than 1.5 times, since decoding and scaling down are PIL's in both. Came out at 4.0 to 4.8 (one
epoch 1.23), in processor seconds: the machine was shared. What one epoch gains are two copies that PIL made of an
upright RGB image, and normalising bytes as planes (0.11 ms an image instead of 0.75). torchvision.io.decode_jpeg
gives PIL's very pixels in 0 to 20 % less time, but serving has no torch, and there shall be one preprocessing.
"""

import os
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from bench.result import Result, paired_medians
from serving.preprocessing import normalise
from training import images
from training.folder import inspect
from training.resnet import MEAN, STD

ROUNDS = 3
EPOCHS = 5
BATCH = 32
PER_SPLIT = {"train": 72, "valid": 4, "test": 24}  # the last batch, the test images, is compared
WIDTH, HEIGHT, SIDE = 500, 375, 224
MOST_DIFFERENCE = 2.0  # of 255, mean over all pixels
GOAL = 2.0

_PEER = transforms.Compose(
    [transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
)


def run() -> Result:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # as many threads as ours decodes with
    images.MAX_MEMORY_BYTES = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "images"
        _write_photographs(root)
        count = len(inspect(root).files) * EPOCHS
        ours, peer = paired_medians(lambda: _ours(root, EPOCHS), lambda: _theirs(root, EPOCHS), ROUNDS, process_time)
        ours_once, peer_once = paired_medians(lambda: _ours(root, 1), lambda: _theirs(root, 1), ROUNDS, process_time)
        difference = np.abs((_ours(root, 1) - _theirs(root, 1)) * np.reshape(STD, (3, 1, 1)) * 255).mean()
    note = f"{EPOCHS} epochs; one epoch {peer_once / ours_once:.2f} ×; pixels differ by {difference:.2f} of 255"
    ratio = round(peer / ours, 2)
    return Result(
        "input-pipeline", round(count / ours), round(count / peer), "img/s", ratio, GOAL, note,
        holds=bool(difference < MOST_DIFFERENCE),
    )  # fmt: skip


def _ours(root: Path, epochs: int) -> np.ndarray:
    """Decodes, then makes the batches of each epoch; the last batch, float32 [n, 3, SIDE, SIDE]."""
    loaded = images.load(inspect(root), SIDE)
    for _ in range(epochs):
        for split in loaded.values():
            for start in range(0, len(split), BATCH):
                batch = normalise(split.take(np.arange(start, min(start + BATCH, len(split)))), MEAN, STD)
    return batch


def _theirs(root: Path, epochs: int) -> np.ndarray:
    """The same with the peer's recipe."""
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
