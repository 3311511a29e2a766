"""Preprocessing: image bytes to network input, by the same code in training, evaluation and serving.

Pillow and NumPy only: serving has no PyTorch.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import AvifImagePlugin, Image, ImageOps, TiffImagePlugin, WebPImagePlugin

from serving.image_bounds import MAX_MEMORY, MAX_PIXELS, ImageError, ImageFile, TooCostly, TooManyPixels
from serving.image_colour import MAX_PROFILE, to_srgb
from serving.image_formats import READABLE, examine, recognised
from serving.image_metadata import orientation

__all__ = [
    "MAX_MEMORY",
    "MAX_PIXELS",
    "READABLE",
    "ImageError",
    "ImageFile",
    "Preprocessing",
    "TooCostly",
    "TooManyPixels",
    "recognised",
]

INTERPOLATIONS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SPARE = 2  # a side is decoded to at least this many times its pixels when resized
# imported so that Pillow, which looks for a format among those that are, does not import all it has
PLUGINS = (AvifImagePlugin, TiffImagePlugin, WebPImagePlugin)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# `examine` refuses what is too large
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)  # orientations in which height and width change places


@dataclass(frozen=True)
class Preprocessing:
    """Way from an upright RGB image to a network's input, as torchvision's transforms for evaluation have it.

    Attributes:
        size: side of the square that the network sees, pixels.
        resize: the shorter side of the image is resized to this, then the middle is cut out. None resizes the largest
            centred square, as earlier models had it.
        interpolation: of that resizing, bilinear or bicubic.
        mean: of red, green and blue, subtracted from their values between 0 and 1.
        std: of the three, which the result is divided by.
    """

    size: int
    resize: int | None = None
    interpolation: str = "bilinear"
    mean: Sequence[float] = (0.485, 0.456, 0.406)  # statistics of ImageNet
    std: Sequence[float] = (0.229, 0.224, 0.225)

    @property
    def side(self) -> int:
        """Shorter side of the resized image, pixels."""
        return self.size if self.resize is None else self.resize

    def inspect(self, content: bytes) -> ImageFile:
        """The structure of an image file, for `square_of`; nothing is decoded. Raises as `decode` does."""
        return inspect(content, self.side)

    def square_of(self, file: ImageFile) -> np.ndarray:
        """Decodes an image to a square, uint8 [size, size, 3].

        Raises:
            ImageError: truncated or corrupt.
        """
        image, profile, turn = _pixels(file, self.side)
        return np.asarray(_upright(_flat(self.fit(image), profile), turn))

    def read_square(self, content: bytes) -> np.ndarray:
        """Decodes an image file to a square, uint8 [size, size, 3]. Raises as `decode` does."""
        return self.square_of(self.inspect(content))

    def fit(self, image: Image.Image) -> Image.Image:
        """Resizes and cuts out the middle in one step, pixel for pixel as torchvision's Resize and CenterCrop."""
        method = INTERPOLATIONS[self.interpolation]
        if self.resize is None:
            return ImageOps.fit(image, (self.size, self.size), method)
        shorter, box = min(image.size), []
        for side in image.size:
            resized = self.resize * side // shorter
            start = round((resized - self.size) / 2)
            box += [start * side / resized, min((start + self.size) * side / resized, side)]
        left, right, top, bottom = box
        return image.resize((self.size, self.size), method, (left, top, right, bottom))

    def normalise(self, images: np.ndarray) -> np.ndarray:
        """Network input, float32 [n, 3, size, size], of squares, uint8 [n, size, size, 3]."""
        return normalise(images, self.mean, self.std)


def decode(content: bytes, side: int | None = None) -> Image.Image:
    """Decodes to sRGB, 8 bits a channel, upright by EXIF, transparency over white, the first frame of an animation.

    Metadata that cannot be read is as if it were not there.

    Args:
        side: to which the image's shorter side will be resized, pixels. A much larger JPEG is decoded at 1/2, 1/4 or
            1/8 of its size; None decodes the full size.

    Raises:
        TooManyPixels: more than MAX_PIXELS.
        TooCostly: would take more memory than MAX_MEMORY, or too much work.
        ImageError: not of a format that can be read, truncated or corrupt.
    """
    image, profile, turn = _pixels(inspect(content, side), side)
    return _upright(_flat(image, profile), turn)


def inspect(content: bytes, side: int | None) -> ImageFile:
    """The structure of an image whose shorter side is to be resized to `side`. Raises as `decode` does."""
    return examine(content, None if side is None else SPARE * side)


def read_square(content: bytes, size: int) -> np.ndarray:
    """Decodes an image file to its largest centred square, uint8 [size, size, 3]. Raises as `decode` does."""
    return Preprocessing(size).read_square(content)


def read_whole(content: bytes, size: int) -> tuple[np.ndarray, float]:
    """Decodes an image file, all of it, stretched to a square: uint8 [size, size, 3], and its width by its height.

    Crops for training are cut out of it. Raises as `decode` does.
    """
    image, profile, turn = _pixels(inspect(content, size), size)
    ratio = image.width / image.height
    stretched = _flat(image.resize((size, size), Image.Resampling.BILINEAR), profile)
    return np.asarray(_upright(stretched, turn)), 1 / ratio if turn in _SIDEWAYS else ratio


def square(image: Image.Image, size: int) -> np.ndarray:
    """The largest centred square of the image at `size` × `size` pixels: uint8 [size, size, 3]."""
    return np.asarray(Preprocessing(size).fit(image))


def normalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Normalises uint8 [n, height, width, 3] to float32 [n, 3, height, width]: (x / 255 - mean) / std."""
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # bytes take a quarter of the time of floats
    output = np.multiply(planes, scale[:, np.newaxis, np.newaxis], dtype=np.float32)
    output -= shift[:, np.newaxis, np.newaxis]
    return output


def _pixels(file: ImageFile, side: int | None) -> tuple[Image.Image, bytes, int]:
    """The image in L, LA, RGB, RGBA or CMYK, its profile and its orientation; both are libavif's for an AVIF."""
    try:
        image = Image.open(io.BytesIO(file.content), formats=(file.format,))
        if side is not None:
            image.draft(None, (SPARE * side, SPARE * side))
        image.load()
        profile = file.profile or image.info.get("icc_profile", b"")
        turn = orientation(image.info["exif"]) if "exif" in image.info else file.orientation
        return _resizable(image), profile if len(profile) <= MAX_PROFILE else b"", turn
    except ImageError:
        raise
    except Exception as error:  # decoders raise many types on hostile bytes; all mean unreadable
        raise ImageError(f"image is truncated or corrupt ({error})") from None


def _resizable(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow's conversion would clip at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("LA", "RGBA", "CMYK"):
        return image
    if image.mode in ("1", "L"):
        return image.convert("LA") if image.has_transparency_data else image.convert("L")
    if image.mode not in ("P", "PA", "RGB", "RGBX", "YCbCr"):
        raise ImageError(f"pixels in {image.mode}: convert the image to 8 bits a channel, grey or RGB")
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _flat(image: Image.Image, profile: bytes) -> Image.Image:
    """The image over white, in sRGB."""
    if image.mode in ("LA", "RGBA"):
        opaque = image.convert(image.mode.rstrip("A"))
        white = Image.new(opaque.mode, image.size, "white")
        white.paste(opaque, mask=image.getchannel("A"))
        image = white
    return to_srgb(image, profile) if profile else image.convert("RGB")


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image
