"""The bytes of an image on the public internet, fetched such that a caller can reach nothing else with it.

A name is resolved once, all its addresses are checked, and the connection goes to a checked address: what the name
resolves to a moment later does not matter. The certificate has to be the name's. Redirects go through the same again.
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

from image import too_large
from public_address import is_public
from refusal import Refusal

_logger = logging.getLogger(__name__)
_MAX_REDIRECTS = 3
_MAX_LENGTH = 2048
_CONNECT_SECONDS = 2.0
_HEAD_BYTES = 2**16  # an answer's headers; the marks between chunks take less than the image itself
_CALLERS_FAULT = frozenset(range(400, 500)) - {408, 429}
_Resolve = Callable[[str, float], list[str]]


def resolve(host: str, seconds: float) -> list[str]:
    """Every address of the name; OSError when there is none, TimeoutError when that is not known in `seconds`."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append([entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The system's resolver takes no time limit: its thread is left behind when it takes too long.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError(host)
    if isinstance(found[0], Exception):
        raise OSError(str(found[0]))
    return list(dict.fromkeys(found[0]))


class UrlImages:
    """Images at https URLs of `hosts`: names, `*.name` for all under a name, `*` for all; none allows no URL.

    `resolve`, `is_public`, `port` and `tls` are the internet's, and a test's.
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
        """What is at `url`, all of it within `seconds`, redirects included.

        Raises:
            Refusal: 400 for a URL that is not allowed or has nothing, 413 over `max_bytes`, 502 when its server cannot
                be reached or fails, 504 when that takes too long.
        """
        deadline = time.monotonic() + seconds
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                found = self._get(url, deadline)
                if isinstance(found, bytes):
                    return found
                url = found
        except TimeoutError:
            raise Refusal(504, "UrlTimeout", "the URL's server did not send the image in time") from None
        except (OSError, http.client.HTTPException) as error:
            _logger.info("URL out of reach", extra={"error": type(error).__name__})
            raise Refusal(502, "UrlUnreachable", "the URL's server cannot be reached, or breaks off") from None
        raise Refusal(400, "UrlNotAllowed", f"the URL redirects more than {_MAX_REDIRECTS} times")

    def _get(self, url: str, deadline: float) -> bytes | str:
        """The bytes, or the URL of a redirect."""
        parts, host = self._checked(url)
        connection = http.client.HTTPSConnection(host, self._port, context=self._tls)
        try:
            connection.sock = self._connect(host, deadline)
            target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
            headers = {"Accept": "image/jpeg, image/png, image/webp", "Accept-Encoding": "identity"}
            connection.request("GET", target + query, headers={**headers, "User-Agent": "classify"})
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308):
                return _joined(url, response.headers.get("Location", ""))
            if response.status != 200:
                raise _answered(response.status)
            return self._content(response)
        finally:
            connection.close()

    def _checked(self, url: str) -> tuple[SplitResult, str]:
        """The URL's parts, and its host in ASCII."""
        # JSON may hold half of a UTF-16 pair, which is no character and has no bytes.
        if len(url) > _MAX_LENGTH or re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", url):
            raise Refusal(400, "BadUrl", f"the URL has a character that no URL has, or more than {_MAX_LENGTH}")
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        except ValueError:  # UnicodeError, of a name that cannot be one, is one too
            raise Refusal(400, "BadUrl", "this is no URL") from None
        if parts.scheme != "https" or not host:
            raise Refusal(400, "BadUrl", "the URL has to begin with https://, redirects too")
        if parts.username is not None or parts.password is not None:
            raise Refusal(400, "BadUrl", "the URL must not hold a user name or a password")
        if port not in (None, self._port):
            raise Refusal(400, "BadUrl", f"the URL's port has to be {self._port}")
        if not any(_matches(host, pattern) for pattern in self._hosts):
            raise Refusal(400, "UrlNotAllowed", "images are not taken from this host")
        return parts, host

    def _connect(self, host: str, deadline: float) -> ssl.SSLSocket:
        """A connection to a checked address of the host, as far as its certificate."""
        addresses = self._resolve(host, _left(deadline))
        # All of them: a name with a private address among public ones is no mistake.
        if not addresses or not all(map(self._is_public, addresses)):
            raise Refusal(400, "UrlNotAllowed", "the URL's host is not on the public internet")
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
        except ValueError:  # a chunk whose length is under -1
            raise http.client.IncompleteRead(b"") from None
        if len(content) > self._max_bytes:
            raise too_large(self._max_bytes)
        if response.length:  # less came than the server had said
            raise http.client.IncompleteRead(content, response.length)
        return content


class _BoundedSocket(ssl.SSLSocket):
    """Every read of it ends at `deadline`: a server that sends a byte a second does not get longer.

    More bytes than `left` are refused here, below HTTP: to http.client a chunk of -1 bytes is all that comes.
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
    """Seconds until then; TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _joined(url: str, location: str) -> str:
    """Where a redirect of `url` leads."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise Refusal(400, "BadUrl", "the URL redirects to what is no URL") from None


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in ("*", host)


def _answered(status: int) -> Refusal:
    if status in _CALLERS_FAULT:
        return Refusal(400, "UrlNotFound", f"the URL's server answered {status}")
    return Refusal(502, "UrlUnreachable", f"the URL's server answered {status}")
