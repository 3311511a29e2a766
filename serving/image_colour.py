"""Colours of an ICC profile turned to sRGB, by LittleCMS in Pillow."""

import functools
import io
import struct

from PIL import Image, ImageCms

MAX_PROFILE = 4 * 2**20  # bytes; printers' have up to 3 MB
MAX_TAGS = 100
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_FLOAT_TAGS = {b"D2B0", b"D2B1", b"D2B2", b"D2B3"}  # pipelines of any length: the work for them has no bound


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """RGB in sRGB, of an image in L, RGB or CMYK; a profile that is damaged, or of another space, does not count."""
    transform = _transform(profile, image.mode) if _usable(profile, image.mode) else None
    converted = ImageCms.applyTransform(image, transform) if transform else None  # None if done in place, as it is not
    return converted or image.convert("RGB")


def _usable(profile: bytes, mode: str) -> bool:
    """True if LittleCMS can read the profile with little work (ICC.1:2022, 7.2 and 7.3)."""
    if len(profile) < 132 or profile[36:40] != b"acsp" or _SPACES.get(profile[16:20]) != mode:
        return False
    (count,) = struct.unpack_from(">L", profile, 128)
    tags = {profile[at : at + 4] for at in range(132, 132 + 12 * min(count, MAX_TAGS), 12)}
    return count <= MAX_TAGS and not tags & _FLOAT_TAGS


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Transform from a profile to sRGB; None if LittleCMS cannot make one. Most images have one of a few profiles."""
    try:
        return ImageCms.buildTransform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), _srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
