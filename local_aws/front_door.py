"""Refuses at the door what must not reach MiniStack.

Its own endpoints but three, as they check no caller, and /_ministack/reset deletes everything; and a large body that
nobody has signed, before it is read. When the run ends it answers nothing more.
"""

import asyncio
from typing import Any

from hypercorn.typing import ASGIFramework

from local_aws.processes import ENDING

_OWN = "/_ministack/"
# The last two have a secret in their path, like CloudFormation's pre-signed URLs.
_OPEN = ("/_ministack/health", "/_ministack/cfn-response/", "/_ministack/cfn-signal/")
_UNSIGNED_BYTES = 6 * 2**20  # of a call of a function's URL, which need not be signed
_SIGNATURES = (b"X-Amz-Signature=", b"Signature=")  # of a pre-signed URL


def guarded(application: ASGIFramework) -> ASGIFramework:
    """Wrap an ASGI application so that such requests are answered with 403."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if ENDING.is_set():  # a job whose download was ended with the run would be reported as failed
            await asyncio.Event().wait()
        path = scope.get("path", "")
        if path.startswith(_OWN) and not path.startswith(_OPEN):
            await _refuse(send, f"local AWS does not serve {path}: it would not check the caller")
        elif scope["type"] != "http" or _signed(scope):
            await application(scope, receive, send)
        else:
            body = await _read(receive)
            if len(body) > _UNSIGNED_BYTES:
                await _refuse(send, "Missing Authentication Token")
            else:
                await application(scope, _replay(body, receive), send)

    return answer


def _signed(scope: Any) -> bool:
    """True if the request claims to be signed, which MiniStack checks."""
    named = any(name.lower() == b"authorization" for name, _ in scope["headers"])
    return named or any(mark in scope.get("query_string", b"") for mark in _SIGNATURES)


async def _read(receive: Any) -> bytes:
    """The body, or a little more than _UNSIGNED_BYTES of it."""
    body, more = bytearray(), True
    while more and len(body) <= _UNSIGNED_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Any) -> Any:
    """Give a body that was read, and then what comes after it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Any:
        return left.pop() if left else await receive()

    return replayed


async def _refuse(send: Any, reason: str) -> None:
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
