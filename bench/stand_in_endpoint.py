"""`python -m bench.stand_in_endpoint [SECONDS]`: an endpoint on loopback that says the same of everything.

Prints its port. In a process of its own, so that it takes no time from the client that is measured.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LABELS = [{"label": str(number), "probability": 0.2} for number in range(5)]
_ANSWER = json.dumps({"predictions": _LABELS, "model": "0" * 64}).encode()


@contextmanager
def stand_in_endpoint(seconds: float = 0.0) -> Iterator[int]:
    """The port of one that takes `seconds` for each answer."""
    command = [sys.executable, "-m", "bench.stand_in_endpoint", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield int(server.stdout.readline())
        finally:
            server.kill()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seconds = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.seconds)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    _Handler.seconds = float(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        print(running.server_address[1], flush=True)
        running.serve_forever()
