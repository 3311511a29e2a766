"""Stand-in endpoint on loopback that gives the same answer to every call.

    python -m bench.stand_in_endpoint [SECONDS]

It prints its port. It runs in its own process, so that it takes no time from the client that is measured.
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
    """Run a stand-in endpoint that takes `seconds` for each answer; yields its port."""
    command = [sys.executable, "-m", "bench.stand_in_endpoint", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield int(server.stdout.readline())
        finally:
            server.kill()


class _StandInHandler(BaseHTTPRequestHandler):
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
        """Log nothing."""


if __name__ == "__main__":
    _StandInHandler.seconds = float(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _StandInHandler) as running:
        print(running.server_address[1], flush=True)
        running.serve_forever()
