"""Request bodies: read up to a limit of bytes and time, and never left unread on a connection that closes."""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.protocol import Refusal, too_large

BODY_SECONDS = 10.0


async def read(request: Request) -> bytes:
    """The request's body.

    Raises:
        Refusal: 413, larger than MAX_BYTES, from its header or as soon as it shows; no more is kept in memory. 408, it
            comes too slowly. 400, the client went away.
    """
    length = request.headers.get("content-length", "0")
    too_large(int(length) if length.isdigit() else 0)
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                content += chunk
                too_large(len(content))
    except TimeoutError:
        raise Refusal(408, "BodyTimeout", f"the body did not come within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "Disconnected", "the client went away before the end of the body") from None
    return bytes(content)


class AnswerThenRead:
    """ASGI middleware: an answer is sent at once, and its call ends when the rest of the body has come, or never will.

    To close a connection of which bytes are unread resets it, and its client may lose the answer (RFC 9112, 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = True

        async def received() -> Message:
            nonlocal unread
            message = await receive()
            unread = message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            if unread and message["type"] == "http.response.body":
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(BODY_SECONDS):
                        while unread:
                            await received()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, received, sent)
