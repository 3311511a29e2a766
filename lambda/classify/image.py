"""What kind of image some bytes are; refused early when the endpoint could only refuse them too."""

from typing import NamedTuple

from refusal import Refusal


class Image(NamedTuple):
    content: bytes
    content_type: str
    """image/jpeg, image/png or image/webp."""


def read_image(content: bytes, *, max_bytes: int) -> Image:
    """The image, by its first bytes: what its sender says of it is not asked.

    Raises:
        Refusal: 413 when larger than `max_bytes`, 415 when it is neither JPEG, PNG nor WebP.
    """
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    if content.startswith(b"\xff\xd8\xff"):
        return Image(content, "image/jpeg")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Image(content, "image/png")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    raise Refusal(415, "UnsupportedImage", "the image is neither a JPEG, a PNG nor a WebP file")


def too_large(max_bytes: int) -> Refusal:
    return Refusal(413, "ImageTooLarge", f"the image is larger than {max_bytes} bytes: send a smaller one")
