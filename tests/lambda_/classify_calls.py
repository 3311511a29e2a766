"""Calls of the function that classifies, and the endpoint and S3 that it reaches, on loopback."""

import base64
import json
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import classify

from tests.lambda_.servers import reply

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
WEBP = b"RIFF\x10\0\0\0WEBP" + b"\0" * 60
LABELS = {
    "predictions": [{"label": "7", "probability": 0.9}, {"label": "1", "probability": 0.06}],
    "model": "0123456789abcdef",
}
SECRETS = ("123456789012", "arn:", "Traceback", "http", "slipway-dev-0000", "AKID", "127.0.0.1")
Said = tuple[int, dict[str, Any]]


@dataclass
class Aws:
    """Answers of the endpoint, one after another and the last again, and objects in S3, by path."""

    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=lambda: [(200, LABELS, {})])
    objects: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __call__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.command == "GET":
            stored = self.objects.get(handler.path, 403)
            return reply(handler, *((stored, b"<Error/>") if isinstance(stored, int) else (200, stored)))
        time.sleep(self.seconds)
        status, answer, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        reply(handler, status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), **headers)
        return None


def context(seconds: float = 20) -> Any:
    return SimpleNamespace(
        function_name="slipway-dev-classify",
        aws_request_id="a-request",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:slipway-dev-classify",
        get_remaining_time_in_millis=lambda: seconds * 1000,
    )


def answer(event: Any, seconds: float = 20) -> Said:
    response = classify.handler(event, context(seconds))
    assert set(response) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert response["headers"] == {"Content-Type": "application/json"}
    return response["statusCode"], json.loads(response["body"])


def call(content: bytes = JPEG, **more: Any) -> Said:
    return answer({"image": base64.b64encode(content).decode(), **more})


def error(said: Said) -> tuple[int, str]:
    status, body = said
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    for secret in SECRETS:
        assert secret not in str(body)
    return status, body["error"]["code"]
