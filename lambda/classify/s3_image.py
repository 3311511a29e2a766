"""Read an image from S3, from below one prefix."""

import http.client
import logging
import os
from urllib.parse import quote

from aws_service import AwsService
from error_response import ErrorResponse
from image import too_large

_logger = logging.getLogger(__name__)


class S3Images:
    """Reads images below `allowed`, an `s3://bucket/prefix/`. An empty `allowed` allows none."""

    def __init__(self, allowed: str, *, max_bytes: int) -> None:
        self._allowed = allowed
        self._max_bytes = max_bytes
        bucket = allowed.removeprefix("s3://").partition("/")[0]
        # Local AWS has one address for all buckets, so the bucket goes into the path.
        in_path = bool(os.environ.get("AWS_ENDPOINT_URL"))
        self._folder = f"/{bucket}/" if in_path else "/"
        self._service = AwsService("s3", f"{bucket}.s3.{os.environ['AWS_REGION']}.{os.environ['URL_SUFFIX']}")

    def read(self, address: str, *, seconds: float) -> bytes:
        """The bytes of the object at `address`.

        Raises:
            ErrorResponse: 400 for an address that is not allowed or has no object, 413 over `max_bytes`, 502 and 504
                if S3 does not answer.
        """
        if not self._allowed:
            raise ErrorResponse(400, "S3NotAllowed", "this system takes no images from S3")
        key = address.removeprefix("s3://").partition("/")[2]
        steps = key.split("/")
        if not address.startswith(self._allowed) or "." in steps or ".." in steps or not _is_key(key):
            raise ErrorResponse(400, "S3NotAllowed", "images in S3 are taken from under the agreed prefix only")
        try:
            answer = self._service.call(
                "GET", self._folder + quote(key, safe="/-_.~"), {}, b"", seconds=seconds, limit=self._max_bytes
            )
        except TimeoutError:
            raise ErrorResponse(504, "S3Timeout", "S3 did not answer in time: try again") from None
        except (OSError, http.client.HTTPException) as error:
            _logger.warning("S3 out of reach", extra={"error": repr(error)})
            raise _unavailable() from None
        if answer.status in (403, 404):  # S3 answers 403 for a missing object too, since the function may not list
            raise ErrorResponse(400, "S3NotFound", "there is no object at this address that can be read")
        if answer.status != 200:
            _logger.warning("S3 refused", extra={"status": answer.status})
            raise _unavailable()
        if len(answer.body) > self._max_bytes:
            raise too_large(self._max_bytes)
        return answer.body


def _is_key(text: str) -> bool:
    """True if the text can be an object's key: up to 1,024 bytes of UTF-8."""
    try:
        return len(text.encode()) <= 1024
    except UnicodeEncodeError:  # JSON may hold half of a UTF-16 pair, which is no character
        return False


def _unavailable() -> ErrorResponse:
    return ErrorResponse(502, "S3Unavailable", "S3 cannot be read at present: try again later")
