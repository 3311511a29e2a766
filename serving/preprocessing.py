"""Preprocessing: image bytes to network input, by the same code in training, evaluation and serving.

Pillow and NumPy only: serving has no PyTorch.
"""

import io
import warnings
from collections.abc import Sequence

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
    "TooCostly",
    "TooManyPixels",
    "recognised",
]

SPARE = 2  # a side is decoded to at least this many times its final pixels
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


def decode(content: bytes, side: int | None = None) -> Image.Image:
    """Decodes to sRGB, 8 bits a channel, upright by EXIF, transparency over white, the first frame of an animation.

    Metadata that cannot be read is as if it were not there.

    Args:
        side: of the square that will be made of the image, pixels. A much larger JPEG is decoded at 1/2, 1/4 or 1/8 of
            its size; None decodes the full size.

    Raises:
        TooManyPixels: more than MAX_PIXELS.
        TooCostly: would take more memory than MAX_MEMORY, or too much work.
        ImageError: not of a format that can be read, truncated or corrupt.
    """
    image, profile, turn = _pixels(inspect(content, side), side)
    return _upright(_flat(image, profile), turn)


def inspect(content: bytes, size: int | None) -> ImageFile:
    """The structure of an image that is to become a square of `size`, for `square_of`. Raises as `decode` does."""
    return examine(content, None if size is None else SPARE * size)


def square_of(file: ImageFile, size: int) -> np.ndarray:
    """Decodes an image to a square, uint8 [size, size, 3].

    Raises:
        ImageError: truncated or corrupt.
    """
    image, profile, turn = _pixels(file, size)
    return np.asarray(_upright(_flat(_fit(image, size), profile), turn))


def read_square(content: bytes, size: int) -> np.ndarray:
    """Decodes an image file to a square, uint8 [size, size, 3]. Raises as `decode` does."""
    return square_of(inspect(content, size), size)


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
    return np.asarray(_fit(image, size))


def normalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Normalises uint8 [n, height, width, 3] to float32 [n, 3, height, width]: (x / 255 - mean) / std."""
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # bytes take a quarter of the time of floats
    output = np.multiply(planes, scale[:, np.newaxis, np.newaxis], dtype=np.float32)
    output -= shift[:, np.newaxis, np.newaxis]
    return output


def _fit(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)


def _pixels(file: ImageFile, size: int | None) -> tuple[Image.Image, bytes, int]:
    """The image in L, LA, RGB, RGBA or CMYK, its profile and its orientation; both are libavif's for an AVIF."""
    try:
        image = Image.open(io.BytesIO(file.content), formats=(file.format,))
        if size is not None:
            image.draft(None, (SPARE * size, SPARE * size))
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
    """Over white, and in sRGB."""
    if image.mode in ("LA", "RGBA"):
        opaque = image.convert(image.mode.rstrip("A"))
        white = Image.new(opaque.mode, image.size, "white")
        white.paste(opaque, mask=image.getchannel("A"))
        image = white
    return to_srgb(image, profile) if profile else image.convert("RGB")


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image
