"""Formats of image files, recognised by their first bytes; the name of a file does not count."""

import struct
from collections.abc import Callable

from PIL import features

from serving import image_avif, image_gif, image_jpeg, image_png, image_tiff, image_webp
from serving.image_bounds import ImageError, ImageFile

READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF" + (", AVIF" if features.check("avif") else "")
_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHERS = {
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"\0\0\1\0": "ICO",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
}
_PARSERS: dict[bytes, Callable[[bytes], ImageFile]] = {
    image_png.SIGNATURE: image_png.parse,
    b"GIF87a": image_gif.parse_gif,
    b"GIF89a": image_gif.parse_gif,
    b"BM": image_gif.parse_bmp,
    b"II*\0": image_tiff.parse,
    b"MM\0*": image_tiff.parse,
}


def examine(content: bytes, side: int | None = None) -> ImageFile:
    """The structure of an image file, from which no pixel has been decoded yet.

    Args:
        side: smaller side, pixels, at which a JPEG that is larger may be decoded; None for its full size.

    Raises:
        ImageError: not an image of a readable format, damaged, or too costly to decode.
    """
    try:
        if content.startswith(b"\xff\xd8\xff"):
            return image_jpeg.parse(content, side)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return image_webp.parse(content)
        if content[4:8] == b"ftyp":
            return _container(content)
        for start, parse in _PARSERS.items():
            if content.startswith(start):
                return parse(content)
    except ImageError:
        raise
    except (struct.error, LookupError, ValueError, ArithmeticError):  # from fields that are cut short or make no sense
        raise ImageError("image is truncated or corrupt (its structure ends early)") from None
    other = next((name for start, name in _OTHERS.items() if content.startswith(start)), "")
    raise ImageError(f"{other + ': ' if other else ''}not an image that can be read: convert it to {READABLE}")


def recognised(content: bytes) -> bool:
    """True if a file that starts so may be of a format that is read: 12 bytes are enough."""
    if content[4:8] == b"ftyp":
        return content[8:12] in _AVIF
    return content.startswith((b"\xff\xd8\xff", *_PARSERS)) or content[:4] + content[8:12] == b"RIFFWEBP"


def _container(content: bytes) -> ImageFile:
    """An image in the container of AVIF, HEIC and videos, by its brands (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(content[:4], "big"), 1024)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end, 4))]
    if any(brand in _AVIF for brand in brands):
        if not features.check("avif"):
            raise ImageError("AVIF, which Pillow reads from 11.3 on: update it, or convert the image to JPEG or PNG")
        return image_avif.parse(content)
    name = "HEIC" if any(brand in _HEIC for brand in brands) else "a video or an unknown container"
    raise ImageError(f"{name}: not an image that can be read: convert it to {READABLE}")
