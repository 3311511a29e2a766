"""Fetch an image from the public internet, safely against server-side request forgery.

The host name is resolved once, all of its addresses are checked, and the connection goes to a checked address, so a
later change of the name has no effect. The certificate must match the name. Redirects pass the same checks.
"""

import http.client
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from error_response import ErrorResponse
from image import too_large
from public_address import is_public

_logger = logging.getLogger(__name__)
_MAX_REDIRECTS = 3
# A presigned URL of S3 has a key (1,024 bytes, three characters each) and a session token, most often under 4,096 bytes
# ("AssumeRole", STS API reference). It is the length that CloudFront takes ("Quotas", CloudFront developer guide).
_MAX_LENGTH = 8192
_CONNECT_SECONDS = 2.0
_HEAD_BYTES = 2**16  # of a response's headers; chunk headers take less than the image itself
_CLIENT_ERRORS = frozenset(range(400, 500)) - {408, 429}
_Resolve = Callable[[str, float], list[str]]


def resolve(host: str, seconds: float) -> list[str]:
    """Resolve a host name to all of its addresses.

    Raises:
        OSError: it has none.
        TimeoutError: the resolver took longer than `seconds`.
    """
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append([entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The system's resolver has no timeout. After `seconds` its thread is abandoned.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError(host)
    if isinstance(found[0], Exception):
        raise OSError(str(found[0]))
    return list(dict.fromkeys(found[0]))


class UrlImages:
    """Fetches images from https URLs of `hosts`.

    Each of `hosts` is a name, `*.name` for all names below it, or `*` for all. Without any, no URL is allowed. Tests
    replace `resolve`, `is_public`, `port` and `tls`.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        max_bytes: int,
        resolve: _Resolve = resolve,
        is_public: Callable[[str], bool] = is_public,
        port: int = 443,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts, self._max_bytes = tuple(hosts), max_bytes
        self._resolve, self._is_public, self._port = resolve, is_public, port
        self._tls = tls or ssl.create_default_context()
        self._tls.sslsocket_class = _BoundedSocket

    def read(self, url: str, *, seconds: float) -> bytes:
        """The bytes at `url`, fetched within `seconds`, redirects included.

        Raises:
            ErrorResponse: 400 for a URL that is not allowed or not found, 413 over `max_bytes`, 502 if its server
                cannot be reached or fails, 504 on a timeout.
        """
        deadline = time.monotonic() + seconds
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                found = self._get(url, deadline)
                if isinstance(found, bytes):
                    return found
                url = found
        except TimeoutError:
            raise ErrorResponse(504, "UrlTimeout", "the URL's server did not send the image in time") from None
        except (OSError, http.client.HTTPException) as error:
            _logger.info("URL out of reach", extra={"error": type(error).__name__})
            raise ErrorResponse(502, "UrlUnreachable", "the URL's server cannot be reached, or breaks off") from None
        raise ErrorResponse(400, "UrlNotAllowed", f"the URL redirects more than {_MAX_REDIRECTS} times")

    def _get(self, url: str, deadline: float) -> bytes | str:
        """The content, or the URL of a redirect."""
        parts, host = self._checked(url)
        connection = http.client.HTTPSConnection(host, self._port, context=self._tls)
        try:
            connection.sock = self._connect(host, deadline)
            target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
            headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
            connection.request("GET", target + query, headers={**headers, "User-Agent": "classify"})
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308):
                return _joined(url, response.headers.get("Location", ""))
            if response.status != 200:
                raise _status_error(response.status)
            return self._content(response)
        finally:
            connection.close()

    def _checked(self, url: str) -> tuple[SplitResult, str]:
        """The parts of an allowed URL, and its host name in ASCII."""
        # JSON may hold half of a UTF-16 pair, which cannot be encoded.
        if len(url) > _MAX_LENGTH:
            raise ErrorResponse(400, "BadUrl", f"the URL has over {_MAX_LENGTH:,} characters")
        if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", url):
            raise ErrorResponse(400, "BadUrl", "the URL has a space or another character that no URL has")
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        except ValueError:  # UnicodeError, for an invalid host name, is a ValueError
            raise ErrorResponse(400, "BadUrl", "this is no URL") from None
        if parts.scheme != "https" or not host:
            raise ErrorResponse(400, "BadUrl", "the URL has to begin with https://, redirects too")
        if parts.username is not None or parts.password is not None:
            raise ErrorResponse(400, "BadUrl", "the URL must not hold a user name or a password")
        if port not in (None, self._port):
            raise ErrorResponse(400, "BadUrl", f"the URL's port has to be {self._port}")
        if not any(_matches(host, pattern) for pattern in self._hosts):
            raise ErrorResponse(400, "UrlNotAllowed", "images are not taken from this host")
        return parts, host

    def _connect(self, host: str, deadline: float) -> ssl.SSLSocket:
        """Connect to a checked address of the host and verify its certificate."""
        addresses = self._resolve(host, _left(deadline))
        # All must be public: a private address among public ones is an attack, not a mistake.
        if not addresses or not all(map(self._is_public, addresses)):
            raise ErrorResponse(400, "UrlNotAllowed", "the URL's host is not on the public internet")
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                plain = socket.create_connection((address, self._port), min(_CONNECT_SECONDS, _left(deadline)))
            except OSError as error:
                failure = error
                _left(deadline)
                continue
            try:
                plain.settimeout(_left(deadline))
                secured = self._tls.wrap_socket(plain, server_hostname=host)
            except BaseException:
                plain.close()
                raise
            assert isinstance(secured, _BoundedSocket)
            secured.deadline, secured.left = deadline, 2 * self._max_bytes + _HEAD_BYTES
            secured.max_bytes = self._max_bytes
            return secured
        raise failure

    def _content(self, response: http.client.HTTPResponse) -> bytes:
        if response.length is not None and response.length > self._max_bytes:
            raise too_large(self._max_bytes)
        try:
            content = response.read(self._max_bytes + 1)
        except ValueError:  # a chunk length below -1
            raise http.client.IncompleteRead(b"") from None
        if len(content) > self._max_bytes:
            raise too_large(self._max_bytes)
        if response.length:  # the server sent less than it had announced
            raise http.client.IncompleteRead(content, response.length)
        return content


class _BoundedSocket(ssl.SSLSocket):
    """TLS socket with a deadline and a limit of bytes over all reads.

    The deadline stops a server that sends a byte a second. The limit is enforced here, below HTTP, because http.client
    reads a chunk of -1 bytes to the end of the stream.
    """

    deadline = float("inf")
    left = max_bytes = 0

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        if self.deadline == float("inf"):
            return super().recv_into(*arguments, **named)
        self.settimeout(_left(self.deadline))
        count = super().recv_into(*arguments, **named)
        self.left -= count
        if self.left < 0:
            raise too_large(self.max_bytes)
        return count


def _left(deadline: float) -> float:
    """Seconds until `deadline`; TimeoutError after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _joined(url: str, location: str) -> str:
    """The absolute URL of a redirect."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise ErrorResponse(400, "BadUrl", "the URL redirects to what is no URL") from None


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in ("*", host)


def _status_error(status: int) -> ErrorResponse:
    if status in _CLIENT_ERRORS:
        return ErrorResponse(400, "UrlNotFound", f"the URL's server answered {status}")
    return ErrorResponse(502, "UrlUnreachable", f"the URL's server answered {status}")
