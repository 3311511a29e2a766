"""From image bytes to the network's input: the one transform of training, evaluation and serving.

PIL and NumPy only: serving has no torch, training no ONNX Runtime.
"""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
SPARE = 2  # a side that is to be scaled down keeps at least this many times the pixels that it ends with
# PIL warns of large images on stderr; we refuse smaller ones already
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class ImageError(ValueError):
    """Bytes that are no readable JPEG, PNG or WebP image; the message says why."""


class TooManyPixels(ImageError):
    """An image larger than MAX_PIXELS; found from its header, before a pixel is decoded."""


def decode(content: bytes, side: int | None = None) -> Image.Image:
    """The image in RGB, 8 bits a channel, upright as its EXIF says, transparency over white; an animation's first.

    Args:
        side: of the square to be made of the image, pixels. A JPEG far larger than that is decoded at 1/2, 1/4 or
            1/8 of its size; None: in full.

    Raises:
        TooManyPixels: more than MAX_PIXELS.
        ImageError: not a JPEG, PNG or WebP, truncated or corrupt.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(image)
        if side is not None:
            image.draft(None, (SPARE * side, SPARE * side))
        ImageOps.exif_transpose(image, in_place=True)  # the other form copies an image that is upright
        return image if image.mode == "RGB" and not image.has_transparency_data else _to_rgb(image)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise TooManyPixels(f"image has more than {MAX_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise ImageError("not a JPEG, PNG or WebP image") from None
    except Exception as error:  # the decoders raise all sorts on hostile bytes: each means unreadable
        raise ImageError(f"image is truncated or corrupt ({error})") from None


def square(image: Image.Image, size: int) -> np.ndarray:
    """The largest centred square of the image at `size` × `size` pixels: uint8 [size, size, 3]."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))


def read_square(content: bytes, size: int) -> np.ndarray:
    """The network's view of an image file: uint8 [size, size, 3]. Raises as `decode` does."""
    return square(decode(content, size), size)


def normalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Network input: uint8 [n, height, width, 3] to float32 [n, 3, height, width], (x / 255 - mean) / std."""
    scale = 1 / (255 * np.asarray(std, dtype=np.float32))
    shift = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # bytes are moved in a quarter of the time of floats
    output = np.multiply(planes, scale[:, np.newaxis, np.newaxis], dtype=np.float32)
    output -= shift[:, np.newaxis, np.newaxis]
    return output


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise TooManyPixels(f"image has {width} × {height} pixels; the limit is {MAX_PIXELS:,}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: PIL's own conversion would clip at 255
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
