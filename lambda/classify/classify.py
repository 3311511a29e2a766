"""Lambda function that classifies one image with the endpoint. docs/api.md documents requests and responses.

    {"image": "<base64>"} → {"statusCode", "headers", "body": '{"predictions": […], "model": "…"}'}

On any error the caller gets a status and {"error": {"code", "message"}}, and nothing about account, role or stack.
The function does not use boto3: sigv4.py says why.
"""

import functools
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from endpoint import EndpointClient
from error_response import ErrorResponse
from image import Image, read_image
from request import Request, has_multi_value_headers, read_request, sending_service
from request_metrics import RequestMetrics
from s3_image import S3Images

if TYPE_CHECKING:
    from url_image import UrlImages

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_FETCH_SECONDS = 5.0
_AS_REQUEST = 'have EventBridge send {"s3": "s3://…"} instead, see "Classify on upload" in docs/api.md'
_RESPONSE_SECONDS = 1.0  # kept back from the function's timeout, to respond in


class UnsupportedEventSource(Exception):
    """An AWS service sent an event of its own, which is no request."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Classify the image of `event`. Never raises for a request: Lambda would send the stack trace to the caller.

    Raises:
        UnsupportedEventSource: S3, SQS, SNS or another service sent the event. Nobody reads an answer then, and one
            with status 400 would count as done. After an error Lambda tries again, and then passes the event to a
            dead-letter queue or destination; SQS keeps the message ("How Lambda handles errors and retries with
            asynchronous invocation", "Handling errors for an SQS event source", Lambda developer guide).
    """
    if service := sending_service(event):
        raise UnsupportedEventSource(f"{service} sent an event of its own: {_AS_REQUEST}")
    metrics = RequestMetrics()
    source = code = ""
    try:
        deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESPONSE_SECONDS
        request = read_request(event, max_bytes=_max_bytes())
        source = request.source
        if not os.environ["ENDPOINT_NAME"]:
            raise ErrorResponse(503, "EndpointOff", "the classifier is switched off; its operators can switch it on")
        image = _image(request, deadline, metrics)
        metrics.image(len(image.content))
        with metrics.timed("Endpoint"):
            body = _endpoint().classify(image, k=request.k, deadline=deadline)
        status, code = 200, "OK"
    except ErrorResponse as error:
        status, code, body = error.status, error.code, _error(error.code, str(error))
    except Exception:
        _logger.exception("the function failed")
        status, code, body = 502, "Internal", _error("Internal", "the function failed: its log says why")
    metrics.write(
        function=context.function_name, request_id=context.aws_request_id, source=source, status=status, code=code
    )
    response = {"statusCode": status, "body": json.dumps(body), "isBase64Encoded": False}
    if has_multi_value_headers(event):
        return {**response, "multiValueHeaders": {"Content-Type": ["application/json"]}}
    return {**response, "headers": {"Content-Type": "application/json"}}


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
def _endpoint() -> EndpointClient:
    return EndpointClient(os.environ["ENDPOINT_NAME"], seconds=float(os.environ["ENDPOINT_TIMEOUT_SECONDS"]))


@functools.cache
def _s3_images() -> S3Images:
    return S3Images(os.environ["S3_IMAGES"], max_bytes=_max_bytes())


@functools.cache
def _url_images() -> "UrlImages":
    from url_image import UrlImages  # imported late: a function that gets no URLs starts without it

    return UrlImages(list(filter(None, os.environ["URL_HOSTS"].split("|"))), max_bytes=_max_bytes())
