"""An OpenID issuer on loopback."""

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256


class Issuer:
    """An OpenID issuer on loopback, with the certificate of the local AWS; `keys` are those that it publishes."""

    def __init__(self, tls: Path) -> None:
        self.keys = {"one": rsa.generate_private_key(65537, 2048)}
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                found = issuer._document(self.path)
                content = json.dumps(found or {}).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "server.crt", tls / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/tenant"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _document(self, path: str) -> dict[str, Any] | None:
        if path == "/tenant/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/tenant/keys":
            return {"keys": [_jwk(name, key) for name, key in self.keys.items()]}
        return None

    def token(self, *, key: Any = None, alg: str = "RS256", without: str = "", **claims: Any) -> str:
        """A token that is good for the audience `web`, but for what is given."""
        now = int(time.time())
        all_claims = {"iss": self.url, "aud": "web", "sub": "somebody", "iat": now - 60, "exp": now + 600, **claims}
        payload = {name: value for name, value in all_claims.items() if name != without}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "one"}, payload))
        signature = b"" if alg == "none" else (key or self.keys["one"]).sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"


def _jwk(name: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    n, e = (_base64(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    return {"kid": name, "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e}


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
