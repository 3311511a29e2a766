"""Checks of a request and its answer, independent of a server. The contract is in `app`."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

_FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")
IMAGE_TYPES = (*(f"image/{name}" for name in _FORMATS), "application/x-image")
JSON_TYPE = "application/json"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"  # the only header that SageMaker passes on, both ways
MAX_BYTES = 6 * 2**20
MAX_IMAGES = 16
PREDICTIONS = 5


class Refusal(Exception):
    """A request is refused; has the HTTP status and a code for the client."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def content_type(headers: Mapping[str, str]) -> str:
    """The content type: one of IMAGE_TYPES, or JSON_TYPE.

    Raises:
        Refusal: 415 for another type, or none.
    """
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in (*IMAGE_TYPES, JSON_TYPE):
        allowed = ", ".join((*IMAGE_TYPES, JSON_TYPE))
        raise Refusal(415, "UnsupportedContentType", f"content type {found or '(none)'}: send one of {allowed}")
    return found


def check_accept(headers: Mapping[str, str]) -> None:
    """Refuses a client that does not accept JSON, with 406."""
    ranges = [part.replace(" ", "").lower().split(";") for part in headers.get("accept", "").split(",")]
    taken = {name for name, *rules in ranges if not {"q=0", "q=0.0", "q=0.00", "q=0.000"}.intersection(rules)}
    if not taken & {"", JSON_TYPE, "application/*", "*/*"}:
        raise Refusal(406, "NotAcceptable", f"the answer is {JSON_TYPE}: accept that, or leave Accept out")


def predictions_asked(headers: Mapping[str, str]) -> int:
    """Number of predictions for an image: `k` in the custom attributes, as in `k=3`, else 5.

    Raises:
        Refusal: 400 if `k` is not a whole number above 0.
    """
    for attribute in headers.get(ATTRIBUTES.lower(), "").replace(";", ",").split(","):
        name, _, value = attribute.partition("=")
        if name.strip().lower() == "k":
            if not (value.strip().isascii() and value.strip().isdigit() and len(value) < 9 and int(value)):
                raise Refusal(400, "InvalidAttribute", f"k={value.strip()!r}: give a whole number above 0, as in k=3")
            return int(value)
    return PREDICTIONS


def too_large(size: int) -> None:
    """Refuses a body of more than MAX_BYTES, with 413."""
    if size > MAX_BYTES:
        raise Refusal(413, "TooManyBytes", f"more than {MAX_BYTES:,} bytes: send smaller or fewer images")


def images_of(body: bytes) -> tuple[list[bytes], bool]:
    """Images of a JSON body, and True if they are in a list.

    Raises:
        Refusal: 400 for JSON of another shape, or no base64; 413 for more than MAX_IMAGES.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "NotJson", "the body is no JSON document in UTF-8") from None
    several = isinstance(document, list)
    entries = document if several else [document]
    if not entries:
        raise Refusal(400, "InvalidJson", "an empty list: send at least one image")
    if len(entries) > MAX_IMAGES:
        raise Refusal(413, "TooManyImages", f"{len(entries)} images: send at most {MAX_IMAGES}")
    return [_image(entry, f"[{i}]" if several else "") for i, entry in enumerate(entries)], several


def _image(entry: Any, place: str) -> bytes:
    if not isinstance(entry, dict) or entry.keys() != {"image"} or not isinstance(entry["image"], str):
        place = f" at {place}" if place else ""
        raise Refusal(400, "InvalidJson", f'send {{"image": "<base64>"}}, or a list of such{place}')
    try:
        return base64.b64decode(entry["image"], validate=True)
    except (binascii.Error, ValueError):
        message = f"image{place} is not base64 as in RFC 4648, section 4: padded, with + and /, without lines or data:"
        raise Refusal(400, "NotBase64", message) from None


def error(code: str, message: str) -> dict[str, Any]:
    """JSON for a request, or for one image, that was refused."""
    return {"error": {"code": code, "message": message}}
