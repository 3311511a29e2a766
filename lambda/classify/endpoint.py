"""Asking the endpoint what an image shows."""

import http.client
import json
import logging
import os
import random
import time
from typing import Any

from aws_service import Answer, AwsService
from image import Image
from refusal import Refusal

_logger = logging.getLogger(__name__)
_TRIES = 2
_LEAST_SECONDS = 0.5  # with less time left another try could only be cut off
_LIMIT_BYTES = 2**20
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException")
_NO_REPLICA = 503  # of the image's adapter, when nothing listens behind it; the replica itself sheds with 429
_REFUSES_IMAGE = (400, 413, 415, 422)


class Endpoint:
    """The endpoint `name`; each try at it takes at most `seconds`."""

    def __init__(self, name: str, *, seconds: float) -> None:
        host = f"runtime.sagemaker.{os.environ['AWS_REGION']}.{os.environ['URL_SUFFIX']}"
        self._service = AwsService("sagemaker", host)
        self._path = f"/endpoints/{name}/invocations"
        self._seconds = seconds

    def classify(self, image: Image, *, k: int | None, deadline: float) -> dict[str, Any]:
        """The endpoint's answer, by `deadline` (of time.monotonic): `{"predictions": […], "model": …}`.

        Args:
            k: the most predictions to answer with; None leaves it to the endpoint.

        Raises:
            Refusal: what is wrong with the image, or that the endpoint cannot be used now.
        """
        headers = {"content-type": image.content_type, "accept": "application/json"}
        if k:
            headers["x-amzn-sagemaker-custom-attributes"] = f"k={k}"
        answer = self._answer(image, headers, deadline)
        if answer.status != 200:
            raise _refused(answer)
        try:
            body = json.loads(answer.body)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("predictions"), list):
            _logger.error("the endpoint's answer holds no predictions")
            raise _unavailable()
        return body

    def _answer(self, image: Image, headers: dict[str, str], deadline: float) -> Answer:
        """Of one more try where the first met what may be over in a moment: too many requests, or nobody to answer."""
        refusal = _late()
        for left in reversed(range(_TRIES)):
            seconds = min(self._seconds, deadline - time.monotonic())
            if seconds < _LEAST_SECONDS:
                break
            try:
                answer = self._service.call(
                    "POST", self._path, headers, image.content, seconds=seconds, limit=_LIMIT_BYTES
                )
            except TimeoutError:
                refusal = _late()
            except (OSError, http.client.HTTPException) as error:
                _logger.warning("endpoint out of reach", extra={"error": repr(error)})
                refusal = _unavailable()
            else:
                if not left or not _passing(answer):
                    return answer
                refusal = _refused(answer)
            if left:
                time.sleep(random.uniform(0, 0.2))
        raise refusal


def _passing(answer: Answer) -> bool:
    """Whether SageMaker itself, not the model, says no for the moment, or finds no model behind the container."""
    if answer.status in (429, 500, 502, 503, 504) or _code(answer) in _THROTTLED:
        return True
    return _of_model(answer) and _original(answer.body)[0] == _NO_REPLICA


def _code(answer: Answer) -> str:
    """SageMaker's name of the error."""
    return str(answer.headers.get("x-amzn-errortype", "")).partition(":")[0]


def _refused(answer: Answer) -> Refusal:
    """For a call that SageMaker, or the model in it, answered with an error."""
    code = _code(answer)
    _logger.warning("endpoint refused", extra={"code": code, "status": answer.status})
    if _of_model(answer):
        return _model_refused(answer.body)
    if code in _THROTTLED or answer.status == 429:
        return _too_many()
    return _unavailable()


def _of_model(answer: Answer) -> bool:
    """Whether the container answered, and not with a success."""
    return _code(answer) == "ModelError" or answer.status == 424


def _original(body: bytes) -> tuple[int, str]:
    """The container's status and message in a ModelError; 500 where there are none."""
    try:
        error = json.loads(body)
        return int(error["OriginalStatusCode"]), str(error.get("OriginalMessage", ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        return 500, ""


def _model_refused(body: bytes) -> Refusal:
    """What the model says of the image (4xx) is the caller's to know; what broke inside it (5xx) is not."""
    status, message = _original(body)
    if status in (408, 504):
        return _late()
    if status == 429:
        return _too_many()
    if status not in _REFUSES_IMAGE:
        return _unavailable()
    status = 422 if status == 400 else status  # the request is ours and right: it is the image that cannot be read
    try:
        said = json.loads(message)["error"]
        return Refusal(status, str(said["code"]), str(said["message"]))
    except (KeyError, TypeError, ValueError):
        return Refusal(status, "ImageRefused", "the model refused the image")


def _late() -> Refusal:
    return Refusal(504, "EndpointTimeout", "the endpoint did not answer in time: try again")


def _too_many() -> Refusal:
    return Refusal(429, "TooManyRequests", "too many requests at a time: try again in a moment")


def _unavailable() -> Refusal:
    return Refusal(502, "EndpointUnavailable", "the endpoint cannot classify at present: try again later")
