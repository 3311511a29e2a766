"""The endpoint's answers over HTTP terms, without a Ray cluster: the deployment's class itself, given requests."""

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

Encode = Callable[..., bytes]
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
CHUNK = 2**20


class Client:
    """Posts to one replica. `taken` counts the bytes of the last body that it took."""

    def __init__(self, replica: Any) -> None:
        self.replica = replica
        self.headers: dict[str, str] = {}
        self.taken = 0

    def __call__(self, content: bytes, content_type: str | None = "image/png", **headers: str) -> tuple[int, Any]:
        """Status and JSON; the headers are kept."""
        return asyncio.run(self.post(content, content_type, **headers))

    async def post(self, content: bytes, content_type: str | None, **headers: str) -> tuple[int, Any]:
        parts = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)] or [b""]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False
        self.taken = 0

        async def receive() -> dict[str, Any]:
            self.taken += len(messages[0]["body"])  # type: ignore[arg-type]
            return messages.pop(0)

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type:
            named["content-type"] = content_type
        encoded = [(name.encode(), value.encode()) for name, value in named.items()]
        response = await self.replica(Request({"type": "http", "method": "POST", "headers": encoded}, receive))
        self.headers = dict(response.headers)
        return response.status_code, json.loads(response.body)


@pytest.fixture
def post(in_container: Path) -> Client:
    import deployment

    return Client(deployment.ImageClassifier.func_or_class())


@pytest.fixture
def model(in_container: Path) -> str:
    return json.loads((in_container / "model.json").read_text())["model"]


def as_json(*contents: bytes) -> bytes:
    entries = [{"image": base64.b64encode(content).decode()} for content in contents]
    return json.dumps(entries if len(entries) > 1 else entries[0]).encode()


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("JPEG", "application/x-image"),
        ("WEBP", "application/x-image"),
        ("PNG", "Image/PNG; charset=binary"),
    ],
)
def test_an_image_gets_labels_and_the_models_identity(
    post: Client, encode: Encode, model: str, kind: str, content_type: str
) -> None:
    status, answer = post(encode(kind=kind), content_type)
    assert status == 200
    assert answer.keys() == {"predictions", "model"}
    assert answer["model"] == model
    assert len(answer["predictions"]) == 5
    assert answer["predictions"][0].keys() == {"label", "probability"}


def test_an_image_in_json_gets_the_same_answer(post: Client, encode: Encode) -> None:
    content = encode()
    assert post(as_json(content), "application/json") == post(content)


def test_a_list_of_images_gets_a_list_of_answers(post: Client, encode: Encode) -> None:
    contents = [encode(), encode(kind="JPEG")]
    status, answers = post(as_json(*contents), "application/json")
    assert status == 200
    for answer, content in zip(answers, contents, strict=True):
        alone = post(content)[1]
        assert [p["label"] for p in answer["predictions"]] == [p["label"] for p in alone["predictions"]]


def test_an_unreadable_image_among_several_has_an_error_in_its_place(post: Client, encode: Encode, model: str) -> None:
    status, answers = post(as_json(encode(), b"not an image"), "application/json")
    assert status == 200
    assert answers[0].keys() == {"predictions", "model"}
    assert answers[1] == {"error": {"code": "NotAnImage", "message": "not a JPEG, PNG or WebP image"}, "model": model}


def test_every_answer_has_the_model_in_the_header_that_sagemaker_hands_on(
    post: Client, encode: Encode, model: str
) -> None:
    for content in (encode(), b""):
        post(content)
        assert post.headers[ATTRIBUTES] == f"model={model}"


@pytest.mark.parametrize(("attributes", "count"), [("k=2", 2), ("trace=7; K = 3", 3), ("a,k=1", 1), ("k=1000", 6)])
def test_a_custom_attribute_says_how_many_predictions(
    post: Client, encode: Encode, attributes: str, count: int
) -> None:
    status, answer = post(encode(), **{ATTRIBUTES: attributes})
    assert (status, len(answer["predictions"])) == (200, count)


@pytest.mark.parametrize("attributes", ["k=0", "k=-1", "k=many", "k=", "k=²", "k=" + "9" * 5000])
def test_another_number_of_predictions_is_refused(post: Client, encode: Encode, attributes: str) -> None:
    status, answer = post(encode(), **{ATTRIBUTES: attributes})
    assert (status, answer["error"]["code"]) == (400, "InvalidAttribute")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, Application/*;q=0.1", ""])
def test_json_is_what_is_accepted(post: Client, encode: Encode, accept: str) -> None:
    assert post(encode(), accept=accept)[0] == 200


@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "image/*, text/html"])
def test_a_client_that_accepts_no_json_is_told_so(post: Client, encode: Encode, accept: str) -> None:
    status, answer = post(encode(), accept=accept)
    assert (status, answer["error"]["code"]) == (406, "NotAcceptable")


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_what_is_no_image_is_refused(post: Client, content: bytes) -> None:
    status, answer = post(content)
    assert status == 400
    assert answer == {"error": {"code": "NotAnImage", "message": "not a JPEG, PNG or WebP image"}}


def test_a_truncated_image_is_refused(post: Client, encode: Encode) -> None:
    status, answer = post(encode()[:-200])
    assert (status, answer["error"]["code"]) == (400, "NotAnImage")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "NotJson"),
        (b"{", 400, "NotJson"),
        (b"\xff\xfe", 400, "NotJson"),
        (b"[" * 100_000, 400, "NotJson"),
        (b"[]", 400, "InvalidJson"),
        (b'"image"', 400, "InvalidJson"),
        (b'{"image": 7}', 400, "InvalidJson"),
        (b'{"image": "", "url": ""}', 400, "InvalidJson"),
        (b'[{"image": ""}, {}]', 400, "InvalidJson"),
        (b'{"image": "not base64!"}', 400, "NotBase64"),
        (b'{"image": "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"}', 400, "NotBase64"),
        (b'{"image": ""}', 400, "NotAnImage"),
        (b"[" + b",".join([b'{"image": ""}'] * 17) + b"]", 413, "TooManyImages"),
    ],
)
def test_json_of_another_shape_is_refused(post: Client, body: bytes, status: int, code: str) -> None:
    found, answer = post(body, "application/json")
    assert (found, answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", None])
def test_another_content_type_is_refused(post: Client, encode: Encode, content_type: str | None) -> None:
    status, answer = post(encode(), content_type)
    assert (status, answer["error"]["code"]) == (415, "UnsupportedContentType")
    assert "send one of image/jpeg, image/png, image/webp, application/x-image" in answer["error"]["message"]


def test_too_many_bytes_are_refused_from_the_header(post: Client) -> None:
    body = bytes(30 * 2**20)
    status, answer = post(body, content_length=str(len(body)))
    assert (status, answer["error"]["code"]) == (413, "TooManyBytes")
    assert post.taken == 0


def test_too_many_bytes_without_a_header_are_taken_no_further_than_the_limit(post: Client) -> None:
    status, answer = post(bytes(30 * 2**20))
    assert (status, answer["error"]["code"]) == (413, "TooManyBytes")
    assert post.taken == 7 * CHUNK


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused(post: Client) -> None:
    status, answer = post(png_header(20_000, 20_000))
    assert (status, answer["error"]["code"]) == (413, "TooManyPixels")


@pytest.mark.parametrize("images", [1, 16])
def test_a_flood_is_shed_and_what_was_let_in_is_answered(post: Client, encode: Encode, images: int) -> None:
    import deployment

    content_type, body = ("image/png", encode()) if images == 1 else ("application/json", as_json(*[encode()] * images))

    async def flood() -> list[tuple[int, Any]]:
        return await asyncio.gather(*(post.post(body, content_type) for _ in range(1000)))

    answers = asyncio.run(flood())
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= deployment.MAX_IN_FLIGHT // images
    assert next(answer for status, answer in answers if status == 429)["error"]["code"] == "Busy"
    assert post(encode())[0] == 200  # and nothing is left behind


def test_a_busy_replica_reads_no_body_and_says_when_to_come_back(
    post: Client, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployment.MAX_IN_FLIGHT", 0)
    status, _ = post(encode())
    assert (status, post.headers["retry-after"], post.taken) == (429, "1", 0)


def test_a_fault_of_the_classifier_shows_the_client_no_trace(
    post: Client, encode: Encode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import classifier

    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(classifier.Classifier, "decode", fail)
    status, answer = post(encode())
    assert status == 500
    assert answer == {"error": {"code": "Internal", "message": "the classifier failed; its log says why"}}
    assert json.loads(capsys.readouterr().out)["error"] == "RuntimeError: secret"


def test_each_request_is_one_line_of_json_in_the_log(
    post: Client, encode: Encode, capsys: pytest.CaptureFixture[str]
) -> None:
    content = encode()
    post(content)
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry.pop("milliseconds") > 0
    assert entry == {"event": "request", "content_type": "image/png", "bytes": len(content), "status": 200}
