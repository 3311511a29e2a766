"""The endpoint's answers over HTTP terms, without a Ray cluster: the deployment's class itself, given requests."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

Encode = Callable[..., bytes]
Post = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def post(in_container: Path) -> Post:
    """Posts bytes to one replica: status and JSON."""
    import deployment

    replica = deployment.ImageClassifier.func_or_class()

    def post(content: bytes, content_type: str | None = "image/png") -> tuple[int, dict[str, Any]]:
        parts = [content[start : start + 2**20] for start in range(0, len(content), 2**20)] or [b""]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        headers = [(b"content-type", content_type.encode())] if content_type else []
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        response = asyncio.run(replica(request))
        return response.status_code, json.loads(response.body)

    return post


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("JPEG", "application/x-image"),
        ("PNG", "Image/PNG; charset=binary"),
    ],
)
def test_an_image_gets_labels_and_the_models_identity(
    post: Post, encode: Encode, in_container: Path, kind: str, content_type: str
) -> None:
    status, answer = post(encode(kind=kind), content_type)
    assert status == 200
    assert answer.keys() == {"predictions", "model"}
    assert answer["model"] == json.loads((in_container / "model.json").read_text())["model"]
    assert len(answer["predictions"]) == 5
    assert answer["predictions"][0].keys() == {"label", "probability"}


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_what_is_no_image_is_refused(post: Post, content: bytes) -> None:
    status, answer = post(content)
    assert status == 400
    assert answer == {"error": {"code": "NotAnImage", "message": "not a JPEG or PNG image"}}


def test_a_truncated_image_is_refused(post: Post, encode: Encode) -> None:
    status, answer = post(encode()[:-200])
    assert (status, answer["error"]["code"]) == (400, "NotAnImage")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", None])
def test_another_content_type_is_refused(post: Post, encode: Encode, content_type: str | None) -> None:
    status, answer = post(encode(), content_type)
    assert (status, answer["error"]["code"]) == (415, "UnsupportedContentType")
    assert "send one of image/jpeg, image/png, application/x-image" in answer["error"]["message"]


def test_too_many_bytes_are_refused(post: Post) -> None:
    status, answer = post(b"\0" * (6 * 2**20 + 1))
    assert (status, answer["error"]["code"]) == (413, "TooManyBytes")


def test_too_many_pixels_are_refused(post: Post, encode: Encode) -> None:
    from PIL import Image

    status, answer = post(encode(Image.new("1", (10_000, 5_001))))
    assert (status, answer["error"]["code"]) == (413, "TooManyPixels")


def test_a_fault_of_the_classifier_shows_the_client_no_trace(
    post: Post, encode: Encode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import classifier

    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(classifier.Classifier, "classify", fail)
    status, answer = post(encode())
    assert status == 500
    assert answer == {"error": {"code": "Internal", "message": "the classifier failed; its log says why"}}
    assert json.loads(capsys.readouterr().out)["error"] == "RuntimeError: secret"


def test_each_request_is_one_line_of_json_in_the_log(
    post: Post, encode: Encode, capsys: pytest.CaptureFixture[str]
) -> None:
    content = encode()
    post(content)
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry.pop("milliseconds") > 0
    assert entry == {"event": "request", "content_type": "image/png", "bytes": len(content), "status": 200}
