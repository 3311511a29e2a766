"""Refuses every request that the page itself did not make: other sites in the same browser, and other local users.

- Host: a site whose name is made to resolve to 127.0.0.1 (DNS rebinding) sends its own name.
- Origin: a browser sends it with every POST, and no script can change it (Fetch, "forbidden request-header").
- Token: made anew with each start and known from the terminal alone. It stands in the fragment of the address, which
  browsers send to nobody.
"""

import secrets
from dataclasses import dataclass

from starlette.requests import Request

TOKEN_HEADER = "X-Slipway-Token"  # noqa: S105 (the name of a header)
# Nothing from elsewhere is loaded, nothing is sent elsewhere, and no page may frame this one.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class RefusedRequest(Exception):
    """A request that is not answered; `status` is its HTTP status, the message is for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Guard:
    """Checks the requests to one start of the page at `port`; `token` is that start's."""

    port: int
    token: str

    @classmethod
    def at(cls, port: int) -> "Guard":
        """A guard with a token of its own."""
        return cls(port, secrets.token_urlsafe(32))

    @property
    def address(self) -> str:
        """The page's address, with the token."""
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    def require_host(self, request: Request) -> None:
        """Refuse a request under another name than this machine's own."""
        if request.headers.getlist("host") not in [[host] for host in self._hosts]:
            raise RefusedRequest(403, "this page is for this machine alone: open the address in the terminal")

    def require_own_page(self, request: Request) -> None:
        """Refuse a request that another page makes, or that lacks the token.

        Raises:
            RefusedRequest: it does not come from the page at the address in the terminal.
        """
        origins = request.headers.getlist("origin")
        if origins not in [[f"http://{host}"] for host in self._hosts]:
            raise RefusedRequest(403, "only this page may ask")
        if not secrets.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            raise RefusedRequest(403, "this page is of an earlier start: open the address that the terminal shows now")

    @property
    def _hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"
