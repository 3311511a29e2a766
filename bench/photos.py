"""Generates image folders for the training benchmarks: photo-sized JPEGs, and the digits in two halves."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from tools.dataset.digits import write

WIDTH, HEIGHT = 500, 375  # pixels, as in ImageNet's photographs
CLASSES = 10
MANY = 2000  # photographs that are written in processes


def write_photos(folder: Path, images: int, others: int = CLASSES) -> None:
    """Write JPEGs of 500 × 375 pixels and about 60 KB: `images` for training, `others` each for validation and test."""
    counts = {"train": images, "valid": others, "test": others}
    targets = [
        folder / split / str(number % CLASSES) / f"{number}.jpg"
        for split, count in counts.items()
        for number in range(count)
    ]
    for parent in {target.parent for target in targets}:
        parent.mkdir(parents=True, exist_ok=True)
    if len(targets) < MANY:
        for number, target in enumerate(targets):
            _write_photo(number, target)
    else:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            list(pool.map(_write_photo, range(len(targets)), targets, chunksize=64))


def _write_photo(number: int, target: Path) -> None:
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (HEIGHT // 12, WIDTH // 12, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    grain = random.integers(-12, 13, (HEIGHT, WIDTH, 1))
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(target, quality=90)


def write_halves(folder: Path) -> tuple[Path, Path]:
    """Write scikit-learn's digits as two image folders, 0 to 4 and 5 to 9; returns their paths."""
    write(folder / "all")
    halves = folder / "first", folder / "second"
    for half, labels in zip(halves, ("01234", "56789"), strict=True):
        for split in ("train", "valid", "test"):
            for label in labels:
                shutil.copytree(folder / "all" / split / label, half / split / label)
    return halves
