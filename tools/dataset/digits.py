"""Writes scikit-learn's handwritten digits as a folder of images.

1,797 grey images of 8 × 8 pixels, from the UCI "Optical Recognition of Handwritten Digits" set.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from tools.dataset.whole_folder import whole_folder
from training.errors import InputError

SIDE = 64  # pixels: eight times the original, so that a person can see it
SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
SEED = 0


def write(target: Path) -> None:
    """Write all of the folder `target` or nothing; the images and splits are always the same.

    Raises:
        InputError: `target` exists.
    """
    if target.exists():
        raise InputError(f"{target} exists: remove it or give another folder")
    from sklearn.datasets import load_digits  # seconds to import

    digits = load_digits()
    with whole_folder(target) as unfinished:
        for label in range(10):
            for split, indices in _split(np.flatnonzero(digits.target == label)).items():
                folder = unfinished / split / str(label)
                folder.mkdir(parents=True)
                for index in indices:
                    _picture(digits.images[index]).save(folder / f"{index:04}.png")


def _split(indices: np.ndarray) -> dict[str, np.ndarray]:
    """Split the images of one class by SHARES, so that each split has the same mix of classes."""
    shuffled = np.random.RandomState(SEED).permutation(indices)
    ends = np.round(np.cumsum(list(SHARES.values())) * len(indices)).astype(int)
    return dict(zip(SHARES, np.split(shuffled, ends[:-1]), strict=True))


def _picture(grey: np.ndarray) -> Image.Image:
    """Enlarge an image of brightness 0 to 16, [8, 8], to SIDE × SIDE pixels."""
    small = Image.fromarray((grey * 255 / 16).astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
