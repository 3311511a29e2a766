"""Calls are signed with SigV4, and a failure is reported as a short reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from tools.load.images import RequestImage, read_images
from tools.load.invoke import Invoker
from tools.preflight import NotReady
from training.errors import InputError

IMAGES = [RequestImage(b"one", "image/png"), RequestImage(b"two", "image/jpeg")]
Handler = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def ask(monkeypatch: pytest.MonkeyPatch, handler: Handler, calls: int = 1, timeout: float = 5) -> list[str]:
    """Results of sequential calls by an Invoker to a server on loopback."""

    async def run() -> list[str]:
        app = web.Application()
        app.router.add_post("/endpoints/toy/invocations", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        try:
            async with Invoker("toy", IMAGES, timeout=timeout) as invoker:
                return [await invoker(number) for number in range(calls)]
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def test_images_are_sent_in_turn_each_with_its_type_and_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((await request.read(), request.content_type))
        authorization = request.headers["Authorization"]
        assert "Credential=AKIDEXAMPLE/" in authorization
        assert "/us-east-1/sagemaker/aws4_request" in authorization
        assert "content-type;host;x-amz-date" in authorization
        return web.Response(text="{}")

    assert ask(monkeypatch, handler, calls=3) == ["", "", ""]
    assert seen == [(b"one", "image/png"), (b"two", "image/jpeg"), (b"one", "image/png")]


@pytest.mark.parametrize(
    ("status", "code", "body", "said"),
    [
        (400, "ThrottlingException", {}, "400 ThrottlingException"),
        (424, "ModelError", {"OriginalStatusCode": 503}, "424 ModelError 503"),
        (503, "", {}, "503"),
        (403, "AccessDeniedException:http://…", {}, "403 AccessDeniedException"),
    ],
)
def test_a_refusal_is_told_by_status_and_code(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, body: dict[str, int], said: str
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"x-amzn-errortype": code}, text=json.dumps(body))

    assert ask(monkeypatch, handler) == [said]


def test_an_answer_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response()

    assert ask(monkeypatch, handler, timeout=0.05) == ["no answer within 0.05 s"]


def test_a_connection_that_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert ask(monkeypatch, handler) == ["ServerDisconnectedError"]


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda self: None)
    with pytest.raises(NotReady, match="aws sso login"):
        Invoker("toy", IMAGES, timeout=1)


def test_a_folder_s_test_images_are_taken_and_no_more_than_some(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("tools.load.images.MAX_IMAGES", 3)
    for split in ("train", "test"):
        (tmp_path / split / "cat").mkdir(parents=True)
        for number in range(7):
            (tmp_path / split / "cat" / f"{number}.jpg").write_bytes(split.encode())
    images = read_images(tmp_path)
    assert len(images) == 3
    assert {(image.content, image.content_type) for image in images} == {(b"test", "application/x-image")}


def test_a_folder_without_images_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no image in"):
        read_images(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        read_images(tmp_path / "nowhere")
