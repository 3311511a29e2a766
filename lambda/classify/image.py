"""Detect an image's format, and reject early what the endpoint would reject."""

from typing import NamedTuple

from error_response import ErrorResponse

_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}


class Image(NamedTuple):
    """Encoded image of a supported format."""

    content: bytes
    content_type: str
    """image/jpeg, image/png, image/webp, image/gif, image/bmp, image/tiff or image/avif."""


def read_image(content: bytes, *, max_bytes: int) -> Image:
    """Detect the format from the first bytes. A content type that the sender gives does not count.

    Raises:
        ErrorResponse: 413 if larger than `max_bytes`, 415 if of no format that the endpoint reads.
    """
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    for start, content_type in _STARTS.items():
        if content.startswith(start):
            return Image(content, content_type)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    if content[4:8] == b"ftyp":
        # The container of AVIF, HEIC and videos: any of its first brands may be AVIF's (ISO/IEC 14496-12, 4.3).
        if any(content[at : at + 4] in (b"avif", b"avis") for at in range(8, min(len(content), 64), 4)):
            return Image(content, "image/avif")
        raise ErrorResponse(415, "UnsupportedImage", "the image is HEIC or a video: convert it to JPEG or PNG")
    raise ErrorResponse(
        415,
        "UnsupportedImage",
        "the image is no JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file: convert it to JPEG or PNG",
    )


def too_large(max_bytes: int) -> ErrorResponse:
    """The 413 response to an image over the limit."""
    return ErrorResponse(413, "ImageTooLarge", f"the image is larger than {max_bytes} bytes: send a smaller one")
