"""Lambda that classifies one image with the endpoint.

    {"image": "<base64>"} → {"statusCode": 200, "headers": …, "body": '{"predictions": […], "model": "…"}'}

Whatever goes wrong, the caller gets a status and {"error": {"code", "message"}}: nothing about account,
role or stack.
"""

import functools
import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from image import BadImage, read_image

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_THROTTLED = {"ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"}


def handler(event: Any, context: object) -> dict[str, Any]:
    """Classify the image of `event`; never raises for what a caller or the endpoint does wrong."""
    try:
        image = read_image(event, max_bytes=int(os.environ["MAX_IMAGE_BYTES"]))
    except BadImage as bad:
        return _error(bad.status, bad.code, str(bad))
    try:
        answer = _runtime().invoke_endpoint(
            EndpointName=os.environ["ENDPOINT_NAME"],
            ContentType=image.content_type,
            Accept="application/json",
            Body=image.content,
        )
        body = json.loads(answer["Body"].read())
    except ClientError as error:
        return _refused(error)
    except (ConnectTimeoutError, ReadTimeoutError):
        return _error(504, "EndpointTimeout", "the endpoint did not answer in time: try again")
    except (BotoCoreError, ValueError):
        _logger.exception("endpoint unusable")
        return _unavailable()
    return _response(200, body)


@functools.cache
def _runtime() -> Any:
    """The client, made by the first call and kept: making one takes longer than using it."""
    timeout = int(os.environ["ENDPOINT_TIMEOUT_SECONDS"])
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(connect_timeout=1, read_timeout=timeout, retries=retries)
    return boto3.client("sagemaker-runtime", config=config)


def _refused(error: ClientError) -> dict[str, Any]:
    """The response for a call that SageMaker, or the model in it, answered with an error."""
    code = error.response["Error"]["Code"]
    _logger.warning("endpoint refused", extra={"code": code, "status": error.response.get("OriginalStatusCode")})
    if code == "ModelError":
        return _model_error(error.response)
    if code in _THROTTLED:
        return _error(429, "TooManyRequests", "too many requests at a time: try again in a moment")
    return _unavailable()


def _model_error(response: Any) -> dict[str, Any]:
    """What the model says of the image (4xx) is the caller's to know; what broke inside it (5xx) is not."""
    status = response.get("OriginalStatusCode", 500)
    if status in (408, 504):
        return _error(504, "EndpointTimeout", "the endpoint did not answer in time: try again")
    if status == 429:
        return _error(429, "TooManyRequests", "too many requests at a time: try again in a moment")
    if 400 <= status < 500:
        try:
            error = json.loads(response["OriginalMessage"])["error"]
            return _error(status, str(error["code"]), str(error["message"]))
        except (KeyError, TypeError, ValueError):
            return _error(status, "ImageRefused", "the model refused the image")
    return _unavailable()


def _unavailable() -> dict[str, Any]:
    return _error(502, "EndpointUnavailable", "the endpoint cannot classify at present: try again later")


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return _response(status, {"error": {"code": code, "message": message}})


def _response(status: int, body: Any) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
