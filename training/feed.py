"""Brings batches to the network's device: as bytes, which are cropped, changed, normalised and mixed there.

Nothing here waits for a GPU: copies are from page-locked memory, and no value comes back.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from torchvision.transforms import v2

from serving.preprocessing import Preprocessing
from training.augment import CROPPING
from training.batches import Augmentation, Batch, Empty
from training.device import memory_format, moved
from training.images import Images

MAX_RESIDENT = 1 / 3  # of a GPU's free memory; the rest is for the network
_ERASED = 0.1  # share of the images, "random_erase" of the recipes for torchvision's weights IMAGENET1K_V2
_CHUNK = 256  # images that are copied at a time


class Feed:
    """Input of a network.

    Args:
        preprocessing: of the network.
    """

    def __init__(self, device: torch.device, preprocessing: Preprocessing) -> None:
        self._device, self._size, mean = device, preprocessing.size, preprocessing.mean
        deviation = torch.tensor(preprocessing.std, dtype=torch.float32)
        # computed as `serving.preprocessing.normalise` does, to the bit
        self._scale = (1 / (255 * deviation)).reshape(3, 1, 1).to(device)
        self._shift = (torch.tensor(mean, dtype=torch.float32) / deviation).reshape(3, 1, 1).to(device)
        erased = [round(255 * value) for value in mean]
        self._changes = v2.Compose([v2.TrivialAugmentWide(), v2.RandomErasing(_ERASED, value=erased)])
        self._resident: Tensor | None = None

    @property
    def empty(self) -> Empty | None:
        """Makes arrays in page-locked memory; None where that saves nothing. PyTorch keeps and uses them again."""
        if self._device.type == "cpu":
            return None
        return lambda shape: torch.empty(shape, dtype=torch.uint8, pin_memory=True).numpy()

    def augmentation(self, name: str, images: Images) -> Augmentation:
        """Augmentation of the images; crops are cut on a GPU, which keeps the whole images if they fit."""
        if self._device.type == "cpu" or name not in CROPPING:
            return Augmentation(name)
        if images.cache is not None and images.cache.nbytes <= MAX_RESIDENT * torch.cuda.mem_get_info(self._device)[0]:
            self.keep(images.cache)
        return Augmentation(name, crop_here=False, resident=self._resident is not None)

    def keep(self, pixels: np.ndarray) -> None:
        """Copies all whole images to the device, for batches that come without pixels."""
        self._resident = torch.empty(pixels.shape, dtype=torch.uint8, device=self._device)
        for start in range(0, len(pixels), _CHUNK):
            self._resident[start : start + _CHUNK] = torch.from_numpy(pixels[start : start + _CHUNK])

    def images(self, batch: Batch) -> Tensor:
        """Input of the network, float32 [n, 3, size, size]."""
        pixels = self._pixels(batch)
        if batch.boxes is not None:
            pixels = cropped(pixels, self._moved(batch.boxes), self._size)
        if batch.mixes is None:
            return self._normalised(pixels)
        images = self._normalised(self._changed(pixels, batch.mixes.keys))
        shares = self._moved(batch.mixes.shares).reshape(-1, 1, 1, 1)
        return images[:-1].lerp(images[1:], shares)

    def labels(self, batch: Batch) -> Tensor:
        """Class of each row of the batch, int64."""
        return self._moved(batch.labels)

    def shares(self, batch: Batch) -> Tensor | None:
        """Share of each image in its mixture; None if none is mixed."""
        return None if batch.mixes is None else self._moved(batch.mixes.shares)

    def _pixels(self, batch: Batch) -> Tensor:
        """uint8 [n, 3, side, side], in the memory order of the array, which is channels-last."""
        if len(batch.pixels):
            pixels = self._moved(batch.pixels)
        else:
            assert self._resident is not None
            pixels = self._resident[self._moved(batch.rows)]
        return pixels.permute(0, 3, 1, 2)

    def _moved(self, values: np.ndarray) -> Tensor:
        return moved(torch.from_numpy(np.ascontiguousarray(values)), self._device)

    def _normalised(self, pixels: Tensor) -> Tensor:
        # as bytes, which take a quarter of the time of floats
        order = memory_format(self._device, self._size)
        return pixels.contiguous(memory_format=order).to(torch.float32).mul_(self._scale).sub_(self._shift)

    def _changed(self, pixels: Tensor, keys: np.ndarray) -> Tensor:
        """Images changed by TrivialAugment, and some of them erased in part.

        They draw from PyTorch's generator for the processor, whose state is as before in the end.
        """
        if pixels.is_floating_point():
            pixels = pixels.round().to(torch.uint8)
        state = torch.get_rng_state()
        changed = []
        for image, key in zip(pixels, keys.tolist(), strict=True):
            torch.default_generator.manual_seed(key)  # torch.manual_seed would set the GPU's, too
            changed.append(self._changes(image))
        torch.set_rng_state(state)
        return torch.stack(changed)


def cropped(pixels: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crops, float32 [n, 3, size, size] from 0 to 255, of whole images; `boxes` are as in `Crops.boxes`."""
    left, top, width, height, mirrored = boxes.unbind(1)
    zero = torch.zeros_like(left)
    across = torch.stack([width * (1 - 2 * mirrored), zero, 2 * left + width - 1], 1)
    down = torch.stack([zero, height, 2 * top + height - 1], 1)
    grid = affine_grid(torch.stack([across, down], 1), [len(boxes), 3, size, size], align_corners=False)
    return grid_sample(pixels.to(torch.float32), grid, padding_mode="border", align_corners=False)
