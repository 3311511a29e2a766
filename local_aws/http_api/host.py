"""Host names of HTTP APIs: `<id>.execute-api.localhost`, in the server's certificate and in requests.

Names below localhost are loopback (RFC 6761, 6.3): curl and browsers resolve them by themselves.
"""

import re
from typing import Any

from ministack.core import tls

_ANY = "*.execute-api.localhost"
_HOST = re.compile(rb"[0-9a-z]+\.execute-api\.localhost(:\d+)?")
_BY_PATH = "/_aws/execute-api/"  # where MiniStack serves the same, for clients that do not resolve the name


def install() -> None:
    """Make the server's certificate good for every API's host name."""
    names = tls._generated_cert_names
    tls._generated_cert_names = lambda: [*names(), _ANY]


def is_api(scope: Any) -> bool:
    """True for an ASGI request to an API."""
    hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
    return scope["path"].startswith(_BY_PATH) or any(map(_HOST.fullmatch, hosts))
