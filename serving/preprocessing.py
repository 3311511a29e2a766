"""Preprocessing: image bytes to network input, by the same code in training, evaluation and serving.

Pillow and NumPy only: serving has no PyTorch.
"""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
SPARE = 2  # a side is decoded to at least this many times its final pixels
# Pillow warns of large images on stderr, but smaller ones are refused already
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class ImageError(ValueError):
    """The bytes are not a readable JPEG, PNG or WebP image; the message says why."""


class TooManyPixels(ImageError):
    """The image is larger than MAX_PIXELS; found in its header, before a pixel is decoded."""


def decode(content: bytes, side: int | None = None) -> Image.Image:
    """Decodes to RGB, 8 bits a channel, upright by EXIF, transparency over white, the first frame of an animation.

    Args:
        side: of the square that will be made of the image, pixels. A much larger JPEG is decoded at 1/2, 1/4 or 1/8 of
            its size; None decodes the full size.

    Raises:
        TooManyPixels: more than MAX_PIXELS.
        ImageError: not a JPEG, PNG or WebP, truncated or corrupt.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(image)
        if side is not None:
            image.draft(None, (SPARE * side, SPARE * side))
        ImageOps.exif_transpose(image, in_place=True)  # otherwise it would copy an upright image
        return image if image.mode == "RGB" and not image.has_transparency_data else _to_rgb(image)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise TooManyPixels(f"image has more than {MAX_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise ImageError("not a JPEG, PNG or WebP image") from None
    except Exception as error:  # decoders raise many types on hostile bytes; all mean unreadable
        raise ImageError(f"image is truncated or corrupt ({error})") from None


def square(image: Image.Image, size: int) -> np.ndarray:
    """The largest centred square of the image at `size` × `size` pixels: uint8 [size, size, 3]."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))


def read_square(content: bytes, size: int) -> np.ndarray:
    """Decodes an image file to a square, uint8 [size, size, 3]. Raises as `decode` does."""
    return square(decode(content, size), size)


def normalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Normalises uint8 [n, height, width, 3] to float32 [n, 3, height, width]: (x / 255 - mean) / std."""
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # bytes take a quarter of the time of floats
    output = np.multiply(planes, scale[:, np.newaxis, np.newaxis], dtype=np.float32)
    output -= shift[:, np.newaxis, np.newaxis]
    return output


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise TooManyPixels(f"image has {width} × {height} pixels; the limit is {MAX_PIXELS:,}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow's conversion would clip at 255
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
