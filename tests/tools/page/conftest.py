"""The page, served as `make try` serves it, with a stand-in for the deployed function."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.waiting import LIMIT_SECONDS
from tools.page.__main__ import listen, make_server
from tools.page.app import Classify, make_app
from tools.page.guard import TOKEN_HEADER, Guard
from training.errors import InputError

MAX_BYTES = 200_000
REFUSED = b"no image"
LABELS = ["<script>alert(1)</script>", "قطة"]


class RunningPage:
    """A page that is served; `images` are those that reached the function, which `hold` makes wait for `release`.

    Args:
        classify: the function; default: a stand-in.
    """

    def __init__(self, classify: Classify | None = None) -> None:
        self.images: list[bytes] = []
        self.hold = False
        self.held, self.release = threading.Event(), threading.Event()
        self._socket = listen(0)
        self.guard = Guard.at(self._socket.getsockname()[1])
        about = {"name": "slipway-dev", "function": "slipway-dev-classify", "where": "a test"}
        self._server = make_server(make_app(self.guard, classify or self._classify, max_bytes=MAX_BYTES, about=about))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def _classify(self, image: bytes) -> dict[str, Any]:
        self.images.append(image)
        if self.hold:
            self.held.set()
            self.release.wait(LIMIT_SECONDS)
        if image == REFUSED:
            raise InputError("not an image (415 UnsupportedImage, see docs/api.md)")
        predictions = [{"label": label, "probability": p} for label, p in zip(LABELS, (0.912, 0.088), strict=True)]
        return {"predictions": predictions, "model": "9f2c" * 16}

    def __enter__(self) -> "RunningPage":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.should_exit = True
        self._thread.join(LIMIT_SECONDS)
        self._socket.close()

    @property
    def own(self) -> dict[str, str]:
        """Headers of a request by the page itself."""
        host = f"127.0.0.1:{self.guard.port}"
        return {"Host": host, "Origin": f"http://{host}", TOKEN_HEADER: self.guard.token}

    def ask(
        self, method: str = "POST", path: str = "/classify", headers: Mapping[str, str | None] = {}, body: bytes = b"i"
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """Status, body and headers of an answer to a request like the page's own; a header that is None is left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.guard.port, timeout=LIMIT_SECONDS)
        connection.putrequest(method, path, skip_host=True)
        given: dict[str, str | None] = {**self.own, "Content-Length": str(len(body)), **headers}
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def refusal(self, **changes: Any) -> tuple[int, str]:
        """Status and words of a request that is refused before the function is asked."""
        status, text, _ = self.ask(**changes)
        assert self.images == []
        return status, json.loads(text)["error"]


@pytest.fixture
def page() -> Iterator[RunningPage]:
    with RunningPage() as running:
        yield running
