"""Read a Lambda event as a request to classify one image.

An event is `{"image": base64}`, `{"url": …}` or `{"s3": …}`, each with an optional `"k"`; or an event of API Gateway
(REST and HTTP APIs), of a function URL or of a load balancer, whose body is an image or that JSON. Source of the
proxies' events: "Working with AWS Lambda proxy integrations", API Gateway developer guide; "Use Lambda functions as
targets of an Application Load Balancer", Elastic Load Balancing user guide.
"""

import base64
import binascii
import json
import re
from typing import Any, NamedTuple

from error_response import ErrorResponse
from image import too_large

_SOURCES = ("image", "url", "s3")
_USAGE = (
    'send {"image": "<base64>"}, {"url": "https://…"} or {"s3": "s3://…"}, '
    "the image a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file"
)
_MAX_LABELS = 1000
_DATA_URI = re.compile(r"\s*data:[^,]*;base64,", re.IGNORECASE)


class Request(NamedTuple):
    """Image, or the address of one, and the number of labels wanted."""

    source: str
    """`image`, `url` or `s3`."""
    content: bytes
    """The image if `source` is `image`, else empty."""
    address: str
    """Address of the image if `source` is `url` or `s3`, else empty."""
    k: int | None
    """Maximum number of labels; None for as many as the endpoint gives."""


def sending_service(event: Any) -> str:
    """Name of the AWS service that sent the event unasked, such as `aws:s3`; "" for a request.

    Sources: "Lambda event source mappings" and the pages of S3, SNS and EventBridge, Lambda developer guide.
    """
    if not isinstance(event, dict):
        return ""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else event
    if isinstance(first, dict):
        for name in ("eventSource", "EventSource"):
            if str(first.get(name, "")).startswith(("aws:", "SelfManagedKafka")):
                return str(first[name])[:64]
    return str(event.get("source"))[:64] if {"detail-type", "detail"} <= event.keys() else ""


def read_request(event: Any, *, max_bytes: int) -> Request:
    """Read an event of any of the shapes above.

    Raises:
        ErrorResponse: 400 for an event that cannot be understood, 413 for an image over `max_bytes`, 415 for a body
            that is neither an image nor JSON.
    """
    if isinstance(event, dict) and "requestContext" in event:
        return _read_http(event, max_bytes)
    return _read_fields(event, max_bytes)


def has_multi_value_headers(event: Any) -> bool:
    """True for an event of a load balancer with multi-value headers: it reads no others of a response, either."""
    return isinstance(event, dict) and "multiValueHeaders" in event and "headers" not in event


def _read_http(event: dict[str, Any], max_bytes: int) -> Request:
    body = event.get("body") or ""
    if not isinstance(body, str) or not body:
        raise ErrorResponse(400, "MissingImage", f"the request has no body: {_USAGE}")
    content_type = _content_type(event)
    if content_type.startswith("image/"):
        if not event.get("isBase64Encoded"):
            message = "the image's bytes were lost on the way: the API has to treat image/* as a binary media type"
            raise ErrorResponse(400, "NotBinary", message)
        query = event.get("queryStringParameters") or event.get("multiValueQueryStringParameters")
        return Request("image", _decode(body, max_bytes), "", _k(_first(query, "k")))
    if content_type not in ("application/json", ""):
        raise ErrorResponse(415, "UnsupportedContentType", "send an image as image/* or JSON as application/json")
    try:
        fields = json.loads(base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body)
    except (binascii.Error, ValueError, RecursionError):
        raise ErrorResponse(400, "NotJson", f"the body is not JSON: {_USAGE}") from None
    return _read_fields(fields, max_bytes)


def _content_type(event: dict[str, Any]) -> str:
    """Media type without parameters, in lower case; empty if the client gives none."""
    value = _first(event.get("headers"), "content-type") or _first(event.get("multiValueHeaders"), "content-type")
    return str(value or "").partition(";")[0].strip().lower()


def _first(values: Any, name: str) -> Any:
    """The value of `name`, in any case; the first one of a list; None without one."""
    for key, value in values.items() if isinstance(values, dict) else ():
        if str(key).lower() == name:
            return value[0] if isinstance(value, list) and value else value
    return None


def _read_fields(fields: Any, max_bytes: int) -> Request:
    given = [name for name in _SOURCES if isinstance(fields, dict) and fields.get(name) not in (None, "")]
    if not given:
        raise ErrorResponse(400, "MissingImage", _USAGE)
    if len(given) > 1:
        raise ErrorResponse(400, "AmbiguousImage", f"send one of {' and '.join(given)}")
    [source] = given
    value = fields[source]
    if not isinstance(value, str):
        raise ErrorResponse(400, "MissingImage", f"{source} has to be text: {_USAGE}")
    if source == "image":
        return Request(source, _decode(value, max_bytes), "", _k(fields.get("k")))
    return Request(source, b"", value, _k(fields.get("k")))


def _decode(text: str, max_bytes: int) -> bytes:
    text = _plain(text)
    # The length of the text gives the size, so a too large image is not decoded.
    if len(text) > (max_bytes + 2) // 3 * 4:
        raise too_large(max_bytes)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ErrorResponse(400, "NotBase64", f"the image is not base64: {_fault(text)}") from None


def _plain(text: str) -> str:
    """Plain base64 (RFC 4648, section 4) of a data URI, of lines, of URL-safe letters (section 5), or without padding.

    Each has one meaning only. A space inside has two: it may be a `+` that a form has changed.
    """
    if found := _DATA_URI.match(text[:200]):
        text = text[found.end() :]
    for other, plain in (("\n", ""), ("\r", ""), ("\t", ""), ("-", "+"), ("_", "/")):
        text = text.replace(other, plain)
    text = text.strip(" ").rstrip("=")
    return text + "=" * (-len(text) % 4)


def _fault(text: str) -> str:
    """The reason why this text is no base64."""
    if text.startswith("data:"):
        return "its data URI has no ;base64,"
    found = re.search(r"[^A-Za-z0-9+/=]", text)
    if found is None:
        return "it was cut, or has = before its end"
    if found[0] == " ":
        return "it has spaces, as + becomes in a form: send it as JSON, or write + as %2B"
    return f"it has the character {found[0]!a}"


def _k(value: Any) -> int | None:
    """Number of labels, from a JSON number or from a query string."""
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_MAX_LABELS)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_LABELS:
        raise ErrorResponse(
            400, "BadK", f"k, the number of labels wanted, has to be a whole number from 1 to {_MAX_LABELS}"
        )
    return value
