"""Server of a toy endpoint. The model's toy.json has its `name`, and if it differs from the default:

fails: each call gets a 500.
seconds, servers, queue: it answers `servers` calls at once, each in `seconds`, and refuses over `queue` waiting ones.

A call whose body is "bad" or "broken" gets 400 or 500.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Toy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    told: dict = {}  # noqa: RUF012 (set once, before it serves)
    free = threading.Semaphore()
    waiting = 0

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/ping" else 404, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path != "/invocations":
            self.answer(404, "")
        elif Toy.waiting >= self.told.get("queue", 1000):
            self.answer(429, "busy")
        else:
            Toy.waiting += 1
            with self.free:
                Toy.waiting -= 1
                time.sleep(self.told.get("seconds", 0))
            status = 500 if self.told.get("fails") else {"bad": 400, "broken": 500}.get(body, 200)
            self.answer(status, f"{self.told['name']} says {self.headers['Content-Type']}")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header(ATTRIBUTES, self.headers.get(ATTRIBUTES, ""))
        self.send_header("X-Other", "x")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Toy.told = json.loads((Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model" / "toy.json").read_text())
    Toy.free = threading.Semaphore(Toy.told.get("servers", 1000))
    server = ThreadingHTTPServer
    server.request_queue_size = 1024
    address = os.environ.get("UVICORN_HOST", "0.0.0.0"), int(os.environ.get("UVICORN_PORT", "8080"))  # noqa: S104
    server(address, Toy).serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] != ["serve"]:
        sys.exit("the argument must be serve")
    main()
