"""Client of the SageMaker endpoint that classifies images."""

import http.client
import json
import logging
import os
import random
import time
from typing import Any

from aws_service import AwsService, ServiceResponse
from error_response import ErrorResponse
from image import Image

_logger = logging.getLogger(__name__)
_ATTEMPTS = 2
_MIN_SECONDS = 0.5  # with less time left an attempt would only time out
_MAX_RESPONSE_BYTES = 2**20
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException")
# OriginalStatusCode where the container gave no answer: 0 has been seen after 60 s; for one that does not listen AWS
# documents nothing. Under overload it answers 429.
_NO_ANSWER = (0, 503)
_IMAGE_REJECTED = (400, 413, 415, 422)


class EndpointClient:
    """Calls the endpoint `name`. Each attempt times out after `seconds`."""

    def __init__(self, name: str, *, seconds: float) -> None:
        host = f"runtime.sagemaker.{os.environ['AWS_REGION']}.{os.environ['URL_SUFFIX']}"
        self._service = AwsService("sagemaker", host)
        self._path = f"/endpoints/{name}/invocations"
        self._seconds = seconds

    def classify(self, image: Image, *, k: int | None, deadline: float) -> dict[str, Any]:
        """Classify `image` before `deadline` (of time.monotonic): `{"predictions": […], "model": …}`.

        Args:
            k: maximum number of predictions; None leaves it to the endpoint.

        Raises:
            ErrorResponse: the image was rejected, or the endpoint is not available now.
        """
        headers = {"content-type": image.content_type, "accept": "application/json"}
        if k:
            headers["x-amzn-sagemaker-custom-attributes"] = f"k={k}"
        response = self._invoke(image, headers, deadline)
        if response.status != 200:
            raise _error_response(response)
        try:
            body = json.loads(response.body)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("predictions"), list):
            _logger.error("the endpoint's response has no predictions")
            raise _unavailable()
        return body

    def _invoke(self, image: Image, headers: dict[str, str], deadline: float) -> ServiceResponse:
        """Retry once if the endpoint throttled the call or did not answer."""
        error = _timed_out()
        for left in reversed(range(_ATTEMPTS)):
            seconds = min(self._seconds, deadline - time.monotonic())
            if seconds < _MIN_SECONDS:
                break
            try:
                response = self._service.call(
                    "POST", self._path, headers, image.content, seconds=seconds, limit=_MAX_RESPONSE_BYTES
                )
            except TimeoutError:
                error = _timed_out()
            except (OSError, http.client.HTTPException) as failure:
                _logger.warning("endpoint out of reach", extra={"error": repr(failure)})
                error = _unavailable()
            else:
                if not left or not _may_retry(response):
                    return response
                error = _error_response(response)
            if left:
                time.sleep(random.uniform(0, 0.2))
        raise error


def _may_retry(response: ServiceResponse) -> bool:
    """True for an error that may be over in a moment: SageMaker's own, or a container that did not answer."""
    if response.status in (429, 500, 502, 503, 504) or _code(response) in _THROTTLED:
        return True
    return _from_model(response) and _original(response.body)[0] in _NO_ANSWER


def _code(response: ServiceResponse) -> str:
    """SageMaker's error code, such as ModelError; empty without one."""
    return str(response.headers.get("x-amzn-errortype", "")).partition(":")[0]


def _error_response(response: ServiceResponse) -> ErrorResponse:
    """Translate an error of SageMaker or of the model into one for the caller."""
    code = _code(response)
    _logger.warning("endpoint refused", extra={"code": code, "status": response.status})
    if _from_model(response):
        return _model_error(response.body)
    if code in _THROTTLED or response.status == 429:
        return _too_many()
    return _unavailable()


def _from_model(response: ServiceResponse) -> bool:
    """True if the error came from the container, not from SageMaker."""
    return _code(response) == "ModelError" or response.status == 424


def _original(body: bytes) -> tuple[int, str]:
    """Status and message that the container answered with, from the body of a ModelError; (500, "") without them."""
    try:
        error = json.loads(body)
        return int(error["OriginalStatusCode"]), str(error.get("OriginalMessage", ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        return 500, ""


def _model_error(body: bytes) -> ErrorResponse:
    """Pass the model's 4xx message about the image on to the caller; hide its 5xx."""
    status, message = _original(body)
    if status in (0, 408, 504):
        return _timed_out()
    if status == 429:
        return _too_many()
    if status not in _IMAGE_REJECTED:
        return _unavailable()
    status = 422 if status == 400 else status  # our request is well-formed, so the image is at fault
    try:
        said = json.loads(message)["error"]
        return ErrorResponse(status, str(said["code"]), str(said["message"]))
    except (KeyError, TypeError, ValueError):
        return ErrorResponse(status, "ImageRefused", "the model refused the image")


def _timed_out() -> ErrorResponse:
    return ErrorResponse(504, "EndpointTimeout", "the endpoint did not answer in time: try again")


def _too_many() -> ErrorResponse:
    return ErrorResponse(429, "TooManyRequests", "too many requests at a time: try again in a moment")


def _unavailable() -> ErrorResponse:
    return ErrorResponse(502, "EndpointUnavailable", "the endpoint cannot classify at present: try again later")
