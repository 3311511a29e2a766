"""Refuses at the door what must not reach MiniStack.

Its own endpoints but three, as they check no caller, and /_ministack/reset deletes everything; and a large body, before
it is held in memory: one that nobody has signed, and one that API Gateway does not take. When the run ends it answers
nothing more.
"""

import asyncio
import json
from typing import Any

from hypercorn.typing import ASGIFramework

from aws.quotas import LAMBDA_EVENT_BYTES
from local_aws.http_api.host import is_api
from local_aws.private_network import answer_refusal
from local_aws.processes import ENDING

_OWN = "/_ministack/"
# The last two have a secret in their path, like CloudFormation's pre-signed URLs.
_OPEN = ("/_ministack/health", "/_ministack/cfn-response/", "/_ministack/cfn-signal/")
_ANSWERS = _OPEN[1:]
_UNSIGNED_BYTES = LAMBDA_EVENT_BYTES  # of a call of a function's URL, which need not be signed
_API_BYTES = 10 * 2**20  # "Quotas for configuring and running an HTTP API", API Gateway developer guide
_SIGNATURES = (b"X-Amz-Signature=", b"Signature=")  # of a pre-signed URL


def guarded(application: ASGIFramework) -> ASGIFramework:
    """Wrap an ASGI application so that such requests are answered with 403, or 413 of an API."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if ENDING.is_set():  # a job whose download was ended with the run would be reported as failed
            await asyncio.Event().wait()
        path = scope.get("path", "")
        if path.startswith(_OWN) and not path.startswith(_OPEN):
            await _refuse(send, f"local AWS does not serve {path}: it would not check the caller")
        elif path.startswith(_ANSWERS) and (refusal := answer_refusal(scope["client"][1], path)):
            await _refuse(send, refusal)
        elif scope["type"] != "http":
            await application(scope, receive, send)
        elif is_api(scope):
            body, more = await _read(receive, _API_BYTES)
            if len(body) > _API_BYTES:
                while more:  # so that the client, who sends it all before it listens, gets the answer
                    more = (await receive()).get("more_body", False)
                await _respond(send, 413, b"application/json", json.dumps({"message": "Request Entity Too Large"}))
            else:
                await application(scope, _replay(body, receive), send)
        elif _signed(scope):
            await application(scope, receive, send)
        else:
            body, _ = await _read(receive, _UNSIGNED_BYTES)
            if len(body) > _UNSIGNED_BYTES:
                await _refuse(send, "Missing Authentication Token")
            else:
                await application(scope, _replay(body, receive), send)

    return answer


def _signed(scope: Any) -> bool:
    """True if the request claims to be signed, which MiniStack checks."""
    named = any(name.lower() == b"authorization" for name, _ in scope["headers"])
    return named or any(mark in scope.get("query_string", b"") for mark in _SIGNATURES)


async def _read(receive: Any, limit: int) -> tuple[bytes, bool]:
    """The body, or a little more than `limit` bytes of it; and whether there is more."""
    body, more = bytearray(), True
    while more and len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body), more


def _replay(body: bytes, receive: Any) -> Any:
    """Give a body that was read, and then what comes after it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Any:
        return left.pop() if left else await receive()

    return replayed


async def _refuse(send: Any, reason: str) -> None:
    await _respond(send, 403, b"text/plain", f"{reason}\n")


async def _respond(send: Any, status: int, kind: bytes, text: str) -> None:
    headers = [(b"content-type", kind), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
