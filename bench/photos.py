"""Generates image folders for the training benchmarks: photo-sized JPEGs, and the digits in two halves."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tools.dataset.digits import write

WIDTH, HEIGHT = 500, 375  # pixels, as in ImageNet's photographs
CLASSES = 10


def write_photos(folder: Path, images: int) -> None:
    """Write JPEGs of 500 × 375 pixels and about 60 KB: `images` for training, one a class for validation and test."""
    random = np.random.default_rng(0)
    for split, count in {"train": images, "valid": CLASSES, "test": CLASSES}.items():
        for number in range(count):
            target = folder / split / str(number % CLASSES)
            target.mkdir(parents=True, exist_ok=True)
            coarse = random.integers(0, 256, (HEIGHT // 12, WIDTH // 12, 3), dtype=np.uint8)
            smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
            grain = random.integers(-12, 13, (HEIGHT, WIDTH, 1))
            picture = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
            picture.save(target / f"{number}.jpg", quality=90)


def write_halves(folder: Path) -> tuple[Path, Path]:
    """Write scikit-learn's digits as two image folders, 0 to 4 and 5 to 9; returns their paths."""
    write(folder / "all")
    halves = folder / "first", folder / "second"
    for half, labels in zip(halves, ("01234", "56789"), strict=True):
        for split in ("train", "valid", "test"):
            for label in labels:
                shutil.copytree(folder / "all" / split / label, half / split / label)
    return halves
