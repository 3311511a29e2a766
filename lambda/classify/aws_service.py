"""Calls to one AWS service over a connection that is kept between invocations.

Endpoint and certificates follow AWS_ENDPOINT_URL and AWS_CA_BUNDLE, as AWS's SDKs do.
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
# What the server's end of a connection that lay idle too long looks like from here.
_GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
# Made while Lambda starts the function: reading the certificates takes 20 ms, which no call then waits for.
_TLS = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    """At most `limit` bytes and one more, which says that there were more."""


class AwsService:
    """One service under one host name; not for more than one thread."""

    def __init__(self, name: str, host: str) -> None:
        endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or f"https://{host}")
        self.host = endpoint.netloc
        """Name and port, as signed."""
        self._name = name
        self._region = os.environ["AWS_REGION"]
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(self.host, context=_TLS)
            if endpoint.scheme == "https"
            else http.client.HTTPConnection(self.host)
        )

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float, limit: int
    ) -> Answer:
        """The service's answer, whatever its status.

        A kept connection that turns out to be dead is made anew, once.

        Raises:
            TimeoutError: when nothing comes for `seconds`.
            OSError, http.client.HTTPException: when the service cannot be reached, or breaks off.
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
                if last or not isinstance(error, _GONE):
                    raise
        raise AssertionError  # the last try returns or raises

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float, limit: int
    ) -> Answer:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = min(_CONNECT_SECONDS, seconds)
            connection.connect()
        connection.sock.settimeout(seconds)
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        content = response.read(limit + 1)
        if len(content) > limit:
            connection.close()  # what is still to come would be the next answer's start
        elif response.length:
            raise http.client.IncompleteRead(content, response.length)
        return Answer(response.status, response.headers, content)


def _credentials() -> Credentials:
    """The function's role's: in Lambda they are in the environment."""
    return Credentials(
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN", "")
    )
