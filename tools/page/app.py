"""The page as an ASGI application: the page, its script and style, and POST /classify for the bytes of an image."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.page.guard import HEADERS, Guard, RefusedRequest
from training.errors import InputError

_STATIC = Path(__file__).with_name("static")
Classify = Callable[[bytes], dict[str, Any]]


def make_app(guard: Guard, classify: Classify, *, max_bytes: int, about: dict[str, str]) -> ASGIApp:
    """The application.

    Args:
        classify: answers the bytes of an image file, with an InputError for what it refuses; it may block.
        max_bytes: of an image; larger ones are refused before they are read.
        about: texts that the page shows about the deployment: its name, its function, where it is.
    """
    templates = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, undefined=StrictUndefined)
    page = templates.get_template("page.html").render(about, max_bytes=max_bytes)

    async def show(request: Request) -> Response:
        return HTMLResponse(page)

    async def answer(request: Request) -> Response:
        guard.require_own_page(request)
        content = await _body(request, max_bytes)
        begin = time.perf_counter()
        answered = await run_in_threadpool(classify, content)
        return JSONResponse(answered | {"milliseconds": round(1000 * (time.perf_counter() - begin), 1)})

    def file(name: str) -> Route:
        return Route(f"/{name}", lambda _: FileResponse(_STATIC / name), methods=["GET"])

    routes = [
        Route("/", show, methods=["GET"]),
        Route("/classify", answer, methods=["POST"]),
        file("page.js"),
        file("page.css"),
    ]
    refusals: dict[Any, Any] = {
        RefusedRequest: lambda _, refused: _error(refused.status, str(refused)),
        InputError: lambda _, refused: _error(422, str(refused)),
        BotoCoreError: lambda _, error: _error(502, f"AWS cannot be reached: {error}"),
        HTTPException: lambda _, error: _error(error.status_code, error.detail),
        Exception: lambda _, error: _error(500, f"the page's program failed: {type(error).__name__}: {error}"),
        ClientDisconnect: lambda *_: Response(status_code=400),  # the page was closed or reloaded: nobody reads it
    }
    return _Guarded(Starlette(routes=routes, exception_handlers=refusals), guard)


async def _body(request: Request, max_bytes: int) -> bytes:
    """The bytes of the body.

    Raises:
        RefusedRequest: it is empty, has no length, or is too long, which is found before it is read.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise RefusedRequest(411, "the length of the image is missing")
    if int(length) > max_bytes:
        raise RefusedRequest(
            413, f"the image has {int(length) / 1e6:.1f} MB, and the function takes {max_bytes / 1e6:.1f} MB"
        )
    content = await request.body()
    if not content:
        raise RefusedRequest(400, "the file is empty")
    return content


def _error(status: int, message: str) -> JSONResponse:
    # The rest of a body that was refused is not read: the connection ends.
    return JSONResponse({"error": message}, status, {"Connection": "close"})


class _Guarded:
    """Middleware that refuses other hosts, and gives every answer the headers that shut others out."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            self._guard.require_host(Request(scope))
        except RefusedRequest as refused:
            await _error(refused.status, str(refused))(scope, receive, with_headers)
        else:
            await self._app(scope, receive, with_headers)
