"""The endpoint's answers: the application itself, called in process as an ASGI server calls it."""

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from serving.admission import MAX_IN_FLIGHT, Admission
from serving.app import make_app
from serving.classifier import Classifier
from serving.preprocessing import MAX_MEMORY, READABLE
from tests.serving import hostile

Encode = Callable[..., bytes]
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
CHUNK = 2**20
UNREADABLE = {"code": "NotAnImage", "message": f"not an image that can be read: convert it to {READABLE}"}


class Client:
    """Calls the application. `taken` counts the bytes of the last body that it took before it answered.

    Attributes:
        breaks_off: in place of the body's last chunk, "silence" sends nothing more, and "leaves" ends the connection.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.app = make_app(classifier)
        self.headers: dict[str, str] = {}
        self.taken = 0
        self.breaks_off: str | None = None

    def __call__(self, content: bytes, content_type: str | None = "image/png", **headers: str) -> tuple[int, Any]:
        """Status and JSON of a POST to /invocations; the answer's headers are kept."""
        return asyncio.run(self.post(content, content_type, **headers))

    async def post(self, content: bytes, content_type: str | None, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type:
            named["content-type"] = content_type
        status, body = await self.call("POST", "/invocations", content, named)
        return status, json.loads(body)

    async def call(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        parts = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)] or [b""]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False
        answer: list[dict[str, Any]] = []
        self.taken = 0

        async def receive() -> Any:
            if len(messages) == 1 and self.breaks_off == "silence":
                await asyncio.Event().wait()
            if len(messages) == 1 and self.breaks_off == "leaves":
                return {"type": "http.disconnect"}
            self.taken += 0 if answer else len(messages[0]["body"])  # type: ignore[arg-type]
            return messages.pop(0)

        async def send(message: Any) -> None:
            answer.append(message)

        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": encoded, "query_string": b""}
        await self.app(scope, receive, send)
        self.headers = {name.decode(): value.decode() for name, value in answer[0]["headers"]}
        assert self.breaks_off or not messages  # bytes that stay unread would reset the connection
        return answer[0]["status"], b"".join(message.get("body", b"") for message in answer[1:])


@pytest.fixture
def post(classifier: Classifier) -> Client:
    return Client(classifier)


@pytest.fixture
def model(model_folder: Path) -> str:
    return json.loads((model_folder / "model.json").read_text())["model"]


def as_json(*contents: bytes) -> bytes:
    entries = [{"image": base64.b64encode(content).decode()} for content in contents]
    return json.dumps(entries if len(entries) > 1 else entries[0]).encode()


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
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
    assert answers[1] == {"error": UNREADABLE, "model": model}


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
    assert answer == {"error": UNREADABLE}


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
    assert (
        "send one of image/jpeg, image/png, image/webp, image/gif, image/bmp, image/tiff, image/avif"
        in answer["error"]["message"]
    )


@pytest.mark.parametrize("kind", hostile.COSTLY)
def test_what_takes_too_much_to_decode_is_refused_before_it_is_decoded(post: Client, kind: str) -> None:
    status, answer = post(hostile.COSTLY[kind](), "application/x-image")
    assert (status, answer["error"]["code"]) == (413, "TooCostly")


def test_several_images_may_take_as_much_as_one(post: Client, model: str) -> None:
    large = hostile.encoded(Image.new("RGB", (4000, 4000)))
    status, answer = post(as_json(*[large] * (MAX_MEMORY // 64_000_000)), "application/json")
    assert (status, {len(result["predictions"]) for result in answer}) == (200, {5})
    status, answer = post(as_json(*[large] * (MAX_MEMORY // 64_000_000 + 1)), "application/json")
    assert (status, answer["error"]["code"]) == (413, "TooCostly")


def test_a_costly_image_among_several_has_an_error_in_its_place(post: Client, encode: Encode, model: str) -> None:
    status, answers = post(as_json(encode(), hostile.COSTLY["canvas of a WebP"]()), "application/json")
    assert (status, len(answers[0]["predictions"])) == (200, 5)
    assert (answers[1]["error"]["code"], answers[1]["model"]) == ("TooCostly", model)


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


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/", 404, "NotFound"),
        ("POST", "/invocations/", 404, "NotFound"),
        ("GET", "/invocations", 405, "MethodNotAllowed"),
        ("POST", "/ping", 405, "MethodNotAllowed"),
    ],
)
def test_another_path_or_method_is_refused(post: Client, method: str, path: str, status: int, code: str) -> None:
    found, body = asyncio.run(post.call(method, path, b"", {}))
    assert (found, json.loads(body)["error"]["code"]) == (status, code)


def test_ping_is_200_with_nothing_in_it(post: Client) -> None:
    assert asyncio.run(post.call("GET", "/ping", b"", {})) == (200, b"")


def test_a_body_that_comes_slowly_is_refused_and_others_are_answered(
    classifier: Classifier, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.body.BODY_SECONDS", 0.1)
    post, slow = Client(classifier), Client(classifier)
    slow.app, slow.breaks_off = post.app, "silence"

    async def both() -> Any:
        return await asyncio.gather(slow.post(encode(), "image/png"), post.post(encode(), "image/png"))

    (status, answer), (other, _) = asyncio.run(both())
    assert (status, answer["error"]["code"], slow.headers["connection"]) == (408, "BodyTimeout", "close")
    assert other == 200


def test_a_client_that_goes_away_amid_its_body_is_no_fault_of_ours(
    post: Client, encode: Encode, capsys: pytest.CaptureFixture[str]
) -> None:
    post.breaks_off = "leaves"
    post(encode())
    assert json.loads(capsys.readouterr().out)["error"] == "Disconnected"


@pytest.mark.parametrize("images", [1, 16])
def test_a_flood_is_shed_and_what_was_let_in_is_answered(post: Client, encode: Encode, images: int) -> None:
    content_type, body = ("image/png", encode()) if images == 1 else ("application/json", as_json(*[encode()] * images))

    async def flood() -> list[tuple[int, Any]]:
        return await asyncio.gather(*(post.post(body, content_type) for _ in range(1000)))

    answers = asyncio.run(flood())
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= MAX_IN_FLIGHT // images
    assert next(answer for status, answer in answers if status == 429)["error"]["code"] == "Busy"
    assert post(encode())[0] == 200  # and nothing is left behind


def test_files_that_are_no_images_do_not_teach_the_server_that_it_is_fast(
    classifier: Classifier, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = Admission(seconds=1000.0)
    monkeypatch.setattr("serving.app.Admission", lambda seconds: admission)
    post = Client(classifier)
    for body, content_type in ((b"none", "image/png"), (as_json(*[b"none"] * 16), "application/json")):
        post(body, content_type)
        assert admission.seconds == 1000.0
    post(as_json(b"none", encode()), "application/json")
    assert 1000.0 * 0.9 < admission.seconds < 1000.0


def test_a_busy_process_reads_no_body_and_says_when_to_come_back(
    post: Client, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.admission.MAX_IN_FLIGHT", 0)
    status, _ = post(encode())
    assert (status, post.headers["retry-after"], post.taken) == (429, "1", 0)


def test_a_fault_of_the_classifier_shows_the_client_no_trace(
    post: Client, encode: Encode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Classifier, "infer", fail)
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
