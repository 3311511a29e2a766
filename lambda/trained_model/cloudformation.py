"""Send CloudFormation the response of a custom resource, or the signal of a wait condition.

Both are a PUT of JSON to a pre-signed URL with an empty Content-Type, which is part of the signature. Anyone with such
a URL can respond in our place, so it is never logged and never part of an error.

Source: "Custom resource response objects" and "Create wait conditions" in the CloudFormation user guide.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_logger = logging.getLogger(__name__)
_ATTEMPTS = 4
_TIMEOUT_SECONDS = 10
_MAX_REASON_BYTES = 1000
# The signature has expired or the wait handle was deleted: the wait of this URL is over.
_WAIT_IS_OVER = {403, 404, 410}


class Unanswered(RuntimeError):
    """CloudFormation could not be reached, or refused the request. `status` is its HTTP status, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def respond(
    event: Mapping[str, Any],
    *,
    physical_id: str,
    error: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Respond to a custom resource's `event`: success with `attributes`, or failure with `error`. Raises Unanswered."""
    body: dict[str, Any] = {
        "Status": "FAILED" if error else "SUCCESS",
        "Reason": one_line(error or "done"),
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(attributes or {}),
    }
    _put(event["ResponseURL"], body)


def signal(url: str, *, sender: str, data: str = "", error: str | None = None) -> None:
    """End the wait condition of `url`: success with `data`, or failure with `error`.

    `sender` is the signal's unique id. A wait that is already over is ignored. Raises Unanswered.
    """
    body = {
        "Status": "FAILURE" if error else "SUCCESS",
        "Reason": one_line(error or "done"),
        "UniqueId": sender,
        "Data": data,
    }
    try:
        _put(url, body)
    except Unanswered as refused:
        if refused.status not in _WAIT_IS_OVER:
            raise
        _logger.warning("nobody waits for this signal any more", extra={"sender": sender, "status": refused.status})


def one_line(text: str) -> str:
    """Replace line breaks by spaces and cut `text` to 1,000 bytes of UTF-8."""
    return " ".join(text.split()).encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


def _put(url: str, body: Mapping[str, Any]) -> None:
    """PUT `body`. Retry after a pause if the server or the network fails."""
    content = json.dumps(body).encode()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # The URL always comes from CloudFormation.
            request = urllib.request.Request(url, content, {"Content-Type": ""}, method="PUT")  # noqa: S310
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == _ATTEMPTS:
                raise Unanswered(f"CloudFormation answered HTTP {error.code}", error.code) from None
        except OSError as error:
            if attempt == _ATTEMPTS:
                raise Unanswered(f"CloudFormation cannot be reached: {type(error).__name__}") from None
        except ValueError:
            raise Unanswered("CloudFormation sent an address that is not a URL") from None
        time.sleep(2**attempt / 2)
