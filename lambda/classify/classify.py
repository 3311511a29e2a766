"""Lambda that classifies one image with the endpoint: docs/api.md says what it takes and answers.

    {"image": "<base64>"} → {"statusCode", "headers", "body": '{"predictions": […], "model": "…"}'}

Whatever goes wrong, the caller gets a status and {"error": {"code", "message"}}: nothing about account,
role or stack. No boto3 here: see sigv4.py.
"""

import functools
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from endpoint import Endpoint
from image import Image, read_image
from refusal import Refusal
from request import Request, read_request
from request_metrics import RequestMetrics
from s3_image import S3Images

if TYPE_CHECKING:
    from url_image import UrlImages

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_FETCH_SECONDS = 5.0
_ANSWER_SECONDS = 1.0  # of the function's own time, kept for the answer


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Classify the image of `event`; never raises, as Lambda would send the caller the trace."""
    metrics = RequestMetrics()
    source = code = ""
    try:
        deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS
        request = read_request(event, max_bytes=_max_bytes())
        source = request.source
        image = _image(request, deadline, metrics)
        metrics.image(len(image.content))
        with metrics.timed("Endpoint"):
            body = _endpoint().classify(image, k=request.k, deadline=deadline)
        status, code = 200, "OK"
    except Refusal as refusal:
        status, code, body = refusal.status, refusal.code, _error(refusal.code, str(refusal))
    except Exception:
        _logger.exception("the function failed")
        status, code, body = 502, "Internal", _error("Internal", "the function failed: its log says why")
    metrics.write(
        function=context.function_name, request_id=context.aws_request_id, source=source, status=status, code=code
    )
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def _image(request: Request, deadline: float, metrics: RequestMetrics) -> Image:
    content = request.content
    if request.source != "image":
        images = _s3_images() if request.source == "s3" else _url_images()
        with metrics.timed("Fetch"):
            content = images.read(request.address, seconds=min(_FETCH_SECONDS, deadline - time.monotonic()))
    return read_image(content, max_bytes=_max_bytes())


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _max_bytes() -> int:
    return int(os.environ["MAX_IMAGE_BYTES"])


@functools.cache
def _endpoint() -> Endpoint:
    return Endpoint(os.environ["ENDPOINT_NAME"], seconds=float(os.environ["ENDPOINT_TIMEOUT_SECONDS"]))


@functools.cache
def _s3_images() -> S3Images:
    return S3Images(os.environ["S3_IMAGES"], max_bytes=_max_bytes())


@functools.cache
def _url_images() -> "UrlImages":
    from url_image import UrlImages  # where no caller sends URLs, no start pays for it

    return UrlImages(list(filter(None, os.environ["URL_HOSTS"].split("|"))), max_bytes=_max_bytes())
