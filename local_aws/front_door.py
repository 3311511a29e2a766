"""MiniStack's own endpoints know no callers: a POST to /_ministack/reset deletes everything. All but three are shut."""

from typing import Any

from hypercorn.typing import ASGIFramework

_OWN = "/_ministack/"
# The last two carry a secret in their path, as CloudFormation's pre-signed URLs do.
_OPEN = ("/_ministack/health", "/_ministack/cfn-response/", "/_ministack/cfn-signal/")


def guarded(application: ASGIFramework) -> ASGIFramework:
    """The ASGI application without the endpoints that nobody may call."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if not path.startswith(_OWN) or path.startswith(_OPEN):
            await application(scope, receive, send)
            return
        body = f"local AWS does not answer {path}: it would not know who asks\n".encode()
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    return answer
