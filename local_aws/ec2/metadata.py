"""Instance metadata service, version 2 only: a session token first, then metadata and the role's credentials.

Source: "Use the Instance Metadata Service to access instance metadata", EC2 user guide.
"""

import datetime
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TOKEN = "/latest/api/token"  # noqa: S105 (a path)
_CREDENTIALS = "iam/security-credentials/"
_MAX_TTL_SECONDS = 21600
_LIFETIME = datetime.timedelta(hours=6)


class MetadataServer:
    """Metadata service of one instance: `values` by path below /latest/meta-data/, `credentials` created on demand."""

    def __init__(self, values: Mapping[str, str], role: str, credentials: Callable[[], dict[str, str]]) -> None:
        self._values, self._role, self._credentials = values, role, credentials
        self._tokens: dict[str, float] = {}
        self._server: ThreadingHTTPServer | None = None

    def serve(self, listening: socket.socket) -> None:
        """Serve on a listening socket in the instance's network until `close` is called."""
        outer = self

        class RequestHandler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._answer(*outer.token(self.path, self.headers))

            def do_GET(self) -> None:
                self._answer(*outer.get(self.path, self.headers))

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("", 0), RequestHandler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        self._server = server
        threading.Thread(target=server.serve_forever, name="ec2-metadata", daemon=True).start()

    def close(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def token(self, path: str, headers: Message) -> tuple[int, str]:
        seconds = headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if path != _TOKEN or "X-Forwarded-For" in headers:
            return 403, "Forbidden"
        if not seconds.isdecimal() or not 1 <= int(seconds) <= _MAX_TTL_SECONDS:
            return 400, "Bad Request"
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(seconds)
        return 200, token

    def get(self, path: str, headers: Message) -> tuple[int, str]:
        if self._tokens.get(headers.get("X-aws-ec2-metadata-token", ""), 0.0) < time.monotonic():
            return 401, "Unauthorized"
        name = path.removeprefix("/latest/meta-data/")
        if self._role and name == _CREDENTIALS:
            return 200, self._role
        if self._role and name == _CREDENTIALS + self._role:
            return 200, self._document()
        return (200, self._values[name]) if name in self._values else (404, "Not Found")

    def _document(self) -> str:
        now = datetime.datetime.now(datetime.UTC)
        keys = self._credentials()
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Type": "AWS-HMAC",
                "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
                "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
                "Token": keys["AWS_SESSION_TOKEN"],
                "Expiration": (now + _LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
