"""Classify one image with the deployed function.

    make classify IMAGE=cat.jpg                              a file
    make classify IMAGE=https://upload.example.org/cat.jpg   a URL that the setting url_hosts allows
    make classify IMAGE=s3://BUCKET/images/cat.jpg           an object below the stack output S3Images
    make classify IMAGE=cat.jpg ARGS=--json                  for programs

Prints the labels with their calibrated probabilities, the time that the call took, and the SHA-256 of the model file
that answered. The first call takes longer: it makes the connections.
"""

import base64
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from aws.quotas import LAMBDA_EVENT_BYTES
from settings import Settings
from settings.names import resource_name
from tools.classify_client import ClassifyClient, ClassifyFailed
from tools.cli import add_json, chosen_settings, command, count, make_parser, path_or_address, print_json
from tools.deployment import deployment
from tools.preflight import require_aws
from tools.stack import outputs
from training.errors import InputError

_JSON_BYTES = 100  # of an event, beside its image
# Lambda's own errors: Invoke, Lambda API reference.
_OF_LAMBDA = {
    "RequestTooLargeException": "the image is too large for Lambda",
    "TooManyRequestsException": "all concurrent calls that the function may have are in use: try again in a moment",
    "ResourceNotReadyException": "the function is starting: try again in a moment",
}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    parser = make_parser("classify", __doc__)
    parser.add_argument("image", type=path_or_address, help="a file, https://…, or s3://…")
    parser.add_argument("--labels", type=count, metavar="N", help="at most so many labels; default: 5")
    add_json(parser, "the answer and the milliseconds that it took")
    given = parser.parse_args(arguments)
    settings = chosen_settings(given)
    event = event_of(given.image) | ({"k": given.labels} if given.labels else {})
    require_aws()
    serving = outputs(resource_name(settings.prefix, "serving"))
    client = ClassifyClient(serving["FunctionName"])
    begin = time.perf_counter()
    answer = ask(client, event, serving, settings)
    milliseconds = round((time.perf_counter() - begin) * 1000)
    if given.json:
        print_json(answer | {"milliseconds": milliseconds})
        return
    width = max(len(prediction["label"]) for prediction in answer["predictions"])
    for prediction in answer["predictions"]:
        print(f"{prediction['label']:<{width}}  {prediction['probability']:6.1%}")
    print(f"in {milliseconds} ms, by the model file {answer['model'][:12]}")


def ask(
    client: ClassifyClient, event: Mapping[str, Any], serving: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """The function's answer to the event.

    Args:
        serving: outputs of the serving stack.

    Raises:
        InputError: the function or Lambda refused, and why in words for people.
        BotoCoreError: Lambda cannot be reached.
    """
    try:
        return client.invoke(dict(event))
    except ClassifyFailed as failed:
        raise InputError(in_words(json.loads(str(failed)), serving, settings)) from failed
    except ClientError as error:
        raise InputError(f"{_OF_LAMBDA.get(error.response['Error']['Code'], error)}") from error


def event_of(image: str) -> dict[str, Any]:
    """The function's event for a file, a URL or an S3 address.

    Raises:
        InputError: the file is larger than an event may be.
        OSError: it cannot be read.
    """
    if image.startswith("s3://"):
        return {"s3": image}
    if image.startswith(("https://", "http://")):
        return {"url": image}
    event = event_with(Path(image).read_bytes())
    if len(event["image"]) + _JSON_BYTES > LAMBDA_EVENT_BYTES:
        raise InputError(f"{image} has over 4.7 MB, more than Lambda takes in a call: make it smaller")
    return event


def event_with(content: bytes) -> dict[str, Any]:
    """The function's event for the bytes of an image file."""
    return {"image": base64.b64encode(content).decode()}


def in_words(answer: Mapping[str, Any], serving: Mapping[str, str], settings: Settings) -> str:
    """Describe an answer of the function that is no success: the API's error, or Lambda's if the function crashed.

    Args:
        serving: outputs of the serving stack.
    """
    try:
        error = json.loads(answer["body"])["error"]
        code, message = error["code"], error["message"]
    except (KeyError, TypeError, ValueError):
        return f"the function did not answer: {answer.get('errorMessage', answer)}"
    if code == "EndpointOff":
        return f"{message}: make wake{deployment(settings)} (503 {code})"
    where = f"; its folder is {serving['S3Images']}" if code == "S3NotAllowed" and "S3Images" in serving else ""
    return f"{message}{where} ({answer['statusCode']} {code}, see docs/api.md)"


if __name__ == "__main__":
    sys.exit(main())
