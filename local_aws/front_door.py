"""Blocks MiniStack's own endpoints but three: they check no caller, and /_ministack/reset deletes everything."""

from typing import Any

from hypercorn.typing import ASGIFramework

_OWN = "/_ministack/"
# The last two have a secret in their path, like CloudFormation's pre-signed URLs.
_OPEN = ("/_ministack/health", "/_ministack/cfn-response/", "/_ministack/cfn-signal/")


def guarded(application: ASGIFramework) -> ASGIFramework:
    """Wrap an ASGI application so that blocked paths are answered with 403."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if not path.startswith(_OWN) or path.startswith(_OPEN):
            await application(scope, receive, send)
            return
        body = f"local AWS does not serve {path}: it would not check the caller\n".encode()
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    return answer
