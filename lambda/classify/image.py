"""The image in a caller's event: decoded, and refused early when the endpoint could only refuse it too."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class BadImage(ValueError):
    """The event holds no image that can be classified; `status` is the HTTP status to answer with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Image:
    content: bytes
    content_type: str
    """image/jpeg or image/png."""


def read_image(event: Any, *, max_bytes: int) -> Image:
    """The image of an event `{"image": "<base64>"}`; BadImage says what is wrong with it."""
    text = event.get("image") if isinstance(event, dict) else None
    if not isinstance(text, str) or not text:
        raise BadImage(400, "MissingImage", 'send {"image": "<base64 of a JPEG or PNG file>"}')
    # Checked on the text too: there is no need to decode what is too large anyway.
    if len(text) > (max_bytes + 2) // 3 * 4:
        raise BadImage(413, "ImageTooLarge", f"the image is larger than {max_bytes} bytes")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadImage(400, "NotBase64", "the field image is not base64") from None
    if len(content) > max_bytes:
        raise BadImage(413, "ImageTooLarge", f"the image has {len(content)} bytes, more than {max_bytes}")
    for signature, content_type in _SIGNATURES.items():
        if content.startswith(signature):
            return Image(content, content_type)
    raise BadImage(415, "UnsupportedImage", "the image is neither a JPEG nor a PNG file")
