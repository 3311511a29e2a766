"""Augmentation: random changes of training images that keep their class. Imports no PyTorch.

Each image has one draw an epoch, by its number in the split: it is the same for any number of processes, and when a
stopped run goes on.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_SHIFT = 1 / 16  # of an image's side
CROPPING = ("photo", "strong")  # augmentations that cut crops out of whole images
MIXING = ("strong",)  # augmentations that mix two images

# torchvision's transforms.RandomResizedCrop, which its references/classification take with these values
_AREA = 0.08, 1.0  # of the image
_RATIO = 3 / 4, 4 / 3  # width by height
_TRIES = 10
MIXUP_ALPHA = 0.2  # "mixup_alpha" of the recipes for torchvision's weights IMAGENET1K_V2


@dataclass(frozen=True)
class Crops:
    """Draws of a crop for each image: the first of ten tries that lies within the image is taken.

    Attributes:
        tries: area of the image and width by height of the crop, float32 [n, 10, 2].
        places: share of the room beside the crop that is left and above, float32 [n, 2].
        mirrored: bool [n].
    """

    tries: np.ndarray
    places: np.ndarray
    mirrored: np.ndarray

    @classmethod
    def draw(cls, random: np.random.Generator, images: int) -> "Crops":
        tries = random.random((images, _TRIES, 2), np.float32)
        tries[..., 0] = _AREA[0] + (_AREA[1] - _AREA[0]) * tries[..., 0]
        low, high = np.log(_RATIO)
        tries[..., 1] = np.exp(low + (high - low) * tries[..., 1])
        return cls(tries, random.random((images, 2), np.float32), random.random(images, np.float32) < 0.5)

    def boxes(self, rows: np.ndarray, ratios: np.ndarray) -> np.ndarray:
        """Left, top, width and height as shares of the image, then 1 if mirrored, else 0: float32 [n, 5].

        Args:
            rows: indices of images.
            ratios: their widths by heights [n].
        """
        area, ratio = np.moveaxis(self.tries[rows], 2, 0)
        sides = np.sqrt(np.stack([area * ratio / ratios[:, None], area / ratio * ratios[:, None]], 2))
        fits = (sides <= 1).all(2)
        sides = sides[np.arange(len(rows)), fits.argmax(1)]
        # none fits: the largest centred crop
        most = np.clip(ratios, *_RATIO)
        largest = np.stack([np.minimum(most / ratios, 1), np.minimum(ratios / most, 1)], 1)
        sides = np.where(fits.any(1)[:, None], sides, largest)
        places = np.where(fits.any(1)[:, None], self.places[rows], 0.5)
        return np.column_stack([places * (1 - sides), sides, self.mirrored[rows]]).astype(np.float32)


def cropped(pixels: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """A crop, uint8 [size, size, 3], of a whole image stretched to a square; `box` is a row of `Crops.boxes`."""
    side = len(pixels)
    left, top, width, height, mirrored = box.astype(float)
    right, bottom = min(left + width, 1.0), min(top + height, 1.0)
    edges = (side * left, side * top, side * right, side * bottom)
    crop = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR, edges))
    return crop[:, ::-1] if mirrored else crop


def shifted(pixels: np.ndarray, shifts: np.ndarray, reach: int) -> np.ndarray:
    """Squares shifted by `shifts - reach` pixels; edge pixels are repeated.

    For images of which a mirrored one is of another class: a mirrored b is a d.

    Args:
        pixels: uint8 [n, size, size, 3].
        shifts: whole numbers [n, 2], rows and columns, from 0 to 2 * reach.
    """
    size = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return windows[np.arange(len(pixels)), shifts[:, 0], shifts[:, 1]].transpose(0, 2, 3, 1)
