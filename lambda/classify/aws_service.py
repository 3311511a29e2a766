"""Client of one AWS service. It keeps its connection open between invocations.

AWS_ENDPOINT_URL and AWS_CA_BUNDLE set the address and the certificates, as in AWS's SDKs.
"""

import http.client
import os
import ssl
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from sigv4 import Credentials, sign

_CONNECT_SECONDS = 1.0
# Errors of a kept connection that the server closed while it was idle.
_CLOSED_BY_SERVER = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
# Made at import, while Lambda starts the function: reading the certificates takes 20 ms, and no call waits for it.
_TLS = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))


class ServiceResponse(NamedTuple):
    """HTTP response of the service."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    """Up to `limit` + 1 bytes: longer than `limit` means that it was cut."""


class AwsService:
    """Connection to the service `name` at `host`. Not thread-safe."""

    def __init__(self, name: str, host: str) -> None:
        endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or f"https://{host}")
        self.host = endpoint.netloc
        """Host name and port, as they are signed."""
        self._name = name
        self._region = os.environ["AWS_REGION"]
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(self.host, context=_TLS)
            if endpoint.scheme == "https"
            else http.client.HTTPConnection(self.host)
        )

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float, limit: int
    ) -> ServiceResponse:
        """Send one signed request and return the response, whatever its status.

        If the server has closed the kept connection, connect again and retry once.

        Raises:
            TimeoutError: no data arrived for `seconds`.
            OSError, http.client.HTTPException: the service cannot be reached, or the response was cut off.
        """
        signed = sign(
            method, self.host, path, headers, body,
            service=self._name, region=self._region, credentials=_credentials(), seconds=time.time(),
        )  # fmt: skip
        kept = self._connection.sock is not None
        for last in (not kept, True):
            try:
                return self._send(method, path, signed, body, seconds, limit)
            except BaseException as error:
                self._connection.close()
                if last or not isinstance(error, _CLOSED_BY_SERVER):
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float, limit: int
    ) -> ServiceResponse:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = min(_CONNECT_SECONDS, seconds)
            connection.connect()
        connection.sock.settimeout(seconds)
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        content = response.read(limit + 1)
        if len(content) > limit:
            connection.close()  # the unread rest would be taken for the next response
        elif response.length:
            raise http.client.IncompleteRead(content, response.length)
        return ServiceResponse(response.status, response.headers, content)


def _credentials() -> Credentials:
    """Credentials of the function's role, which Lambda puts into the environment."""
    return Credentials(
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN", "")
    )
