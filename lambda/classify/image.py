"""Detect an image's format, and reject early what the endpoint would reject."""

from typing import NamedTuple

from error_response import ErrorResponse


class Image(NamedTuple):
    """Encoded image of a supported format."""

    content: bytes
    content_type: str
    """image/jpeg, image/png or image/webp."""


def read_image(content: bytes, *, max_bytes: int) -> Image:
    """Detect the format from the first bytes. A content type that the sender gives does not count.

    Raises:
        ErrorResponse: 413 if larger than `max_bytes`, 415 if neither JPEG, PNG nor WebP.
    """
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    if content.startswith(b"\xff\xd8\xff"):
        return Image(content, "image/jpeg")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Image(content, "image/png")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    raise ErrorResponse(415, "UnsupportedImage", "the image is neither a JPEG, a PNG nor a WebP file")


def too_large(max_bytes: int) -> ErrorResponse:
    """The 413 response to an image over the limit."""
    return ErrorResponse(413, "ImageTooLarge", f"the image is larger than {max_bytes} bytes: send a smaller one")
