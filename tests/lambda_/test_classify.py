"""An image in, labels out; and for everything else one status and one clear message."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import classify
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tests.lambda_.fakes import client_error

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
LABELS = {"predictions": [{"label": "7", "probability": 0.998}], "model": "0123456789abcdef"}


class FakeRuntime:
    """The endpoint: gives `answer`, or raises it."""

    def __init__(self) -> None:
        self.answer: Any = json.dumps(LABELS).encode()
        self.requests: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": io.BytesIO(self.answer)}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuntime]:
    fake = FakeRuntime()
    monkeypatch.setattr(classify, "_runtime", lambda: fake)
    monkeypatch.setenv("ENDPOINT_NAME", "slipway-dev-0000")
    monkeypatch.setenv("MAX_IMAGE_BYTES", "100")
    yield fake


def call(content: bytes = JPEG) -> tuple[int, dict[str, Any]]:
    """Status and body for an image."""
    return _answer({"image": base64.b64encode(content).decode()})


def _answer(event: Any) -> tuple[int, dict[str, Any]]:
    response = classify.handler(event, None)
    assert response["headers"] == {"Content-Type": "application/json"}
    return response["statusCode"], json.loads(response["body"])


def error(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    status, body = answer
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    return status, body["error"]["code"]


@pytest.mark.parametrize(("content", "content_type"), [(JPEG, "image/jpeg"), (PNG, "image/png")])
def test_an_image_is_classified(endpoint: FakeRuntime, content: bytes, content_type: str) -> None:
    assert call(content) == (200, LABELS)
    assert endpoint.requests == [
        {
            "EndpointName": "slipway-dev-0000",
            "ContentType": content_type,
            "Accept": "application/json",
            "Body": content,
        }
    ]


def test_the_endpoint_is_not_the_callers_to_choose(endpoint: FakeRuntime) -> None:
    classify.handler({"image": base64.b64encode(JPEG).decode(), "EndpointName": "other"}, None)
    assert endpoint.requests[0]["EndpointName"] == "slipway-dev-0000"


@pytest.mark.parametrize("event", [None, [], "text", {}, {"image": None}, {"image": ""}, {"image": 5}, {"Image": "x"}])
def test_an_event_without_an_image_is_told_what_to_send(endpoint: FakeRuntime, event: Any) -> None:
    answer = _answer(event)
    assert error(answer) == (400, "MissingImage")
    assert '{"image": "<base64' in answer[1]["error"]["message"]


@pytest.mark.parametrize("text", ["not base64!", "abc", "ÿÿÿÿ", "data:image/png;base64,AAAA"])
def test_what_is_not_base64_is_refused(endpoint: FakeRuntime, text: str) -> None:
    assert error(_answer({"image": text})) == (400, "NotBase64")


@pytest.mark.parametrize("content", [JPEG + b"\0" * 37, JPEG + b"\0" * 1000])
def test_an_image_over_the_limit_is_refused(endpoint: FakeRuntime, content: bytes) -> None:
    answer = call(content)
    assert error(answer) == (413, "ImageTooLarge")
    assert "100" in answer[1]["error"]["message"]


def test_an_image_at_the_limit_is_taken(endpoint: FakeRuntime) -> None:
    assert call(JPEG.ljust(100, b"\0"))[0] == 200


@pytest.mark.parametrize("content", [b"GIF89a...", b"<html>", b"%PDF-1.7", b"\xff\xd8", b"\x89PNG"])
def test_what_is_neither_jpeg_nor_png_is_refused(endpoint: FakeRuntime, content: bytes) -> None:
    assert error(call(content)) == (415, "UnsupportedImage")


def test_a_bad_image_never_reaches_the_endpoint(endpoint: FakeRuntime) -> None:
    call(b"GIF89a")
    assert endpoint.requests == []


def model_error(status: int, message: str) -> Exception:
    refused = client_error("ModelError", "Received error from primary … account 123456789012", status=424)
    response: Any = refused.response
    response |= {"OriginalStatusCode": status, "OriginalMessage": message}
    return refused


def test_the_models_own_refusal_is_handed_on(endpoint: FakeRuntime) -> None:
    said = {"error": {"code": "NotAnImage", "message": "the image is truncated"}}
    endpoint.answer = model_error(400, json.dumps(said))
    assert call() == (400, said)


@pytest.mark.parametrize("message", ["plain text", "[]", '{"detail": "x"}', '{"error": "x"}'])
def test_a_refusal_that_cannot_be_read_keeps_its_status(endpoint: FakeRuntime, message: str) -> None:
    endpoint.answer = model_error(413, message)
    assert error(call()) == (413, "ImageRefused")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (model_error(500, "Traceback …"), 502, "EndpointUnavailable"),
        (model_error(429, "busy"), 429, "TooManyRequests"),
        (model_error(504, "late"), 504, "EndpointTimeout"),
        (client_error("ThrottlingException", "Rate exceeded"), 429, "TooManyRequests"),
        (client_error("ValidationError", "No endpoint in 123456789012."), 502, "EndpointUnavailable"),
        (client_error("AccessDeniedException", "arn:aws:sts::123456789012:…"), 502, "EndpointUnavailable"),
        (client_error("InternalFailure", "oops", status=500), 502, "EndpointUnavailable"),
        (ReadTimeoutError(endpoint_url="https://runtime"), 504, "EndpointTimeout"),
        (ConnectTimeoutError(endpoint_url="https://runtime"), 504, "EndpointTimeout"),
        (EndpointConnectionError(endpoint_url="https://runtime"), 502, "EndpointUnavailable"),
        (b"not json", 502, "EndpointUnavailable"),
    ],
)  # fmt: skip
def test_a_failing_endpoint_is_a_status_and_nothing_internal(
    endpoint: FakeRuntime, answer: Any, status: int, code: str
) -> None:
    endpoint.answer = answer
    given = call()
    assert error(given) == (status, code)
    for secret in ("123456789012", "arn:", "Traceback", "https://"):
        assert secret not in str(given)


def test_the_client_gives_up_within_the_functions_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_TIMEOUT_SECONDS", "14")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = classify._runtime.__wrapped__().meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 14)
    assert config.retries["total_max_attempts"] == 2
