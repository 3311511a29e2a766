"""The images by which the ranges of int8 are found."""

import numpy as np

from training.images import Images

MOST_IMAGES = 100


def calibration_pixels(images: Images, seed: int, most: int = MOST_IMAGES) -> np.ndarray:
    """At most so many of the images, chosen by chance: uint8 [n, size, size, 3]."""
    return images.take(np.random.default_rng(seed).permutation(len(images))[:most])
