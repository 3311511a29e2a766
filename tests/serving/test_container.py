"""The container's contract: what SageMaker asks of it ("Custom Inference Code with Hosting Services", SageMaker
developer guide), and how it ends. With SERVING_IMAGE the same is asked of the image that Docker built.
"""

import asyncio
import json
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import aiohttp
import psutil
import pytest
from PIL import Image

from serving.protocol import MAX_BYTES
from tests.serving import hostile
from tests.serving.container import IMAGE, MEMORY, Container, container
from tests.waiting import LIMIT_SECONDS, until

Encode = Callable[..., bytes]
Start = Callable[..., AbstractContextManager[Container]]
AT_ONCE = 1000
of_the_process = pytest.mark.skipif(bool(IMAGE), reason="Docker has other means for it")


@pytest.fixture(scope="module")
def running(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with container(tmp_path_factory.mktemp("container"), model_folder, "serve", WEB_CONCURRENCY="1") as started:
        yield started.ready()


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a container: model, arguments, environment."""
    return partial(container, tmp_path)


def test_an_image_is_answered(running: Container, encode: Encode) -> None:
    status, answer = running.post(encode(), Content_Type="image/png")
    assert (status, len(answer["predictions"])) == (200, 5)


def test_a_call_without_content_type_is_refused(running: Container, encode: Encode) -> None:
    status, answer = running.post(encode())
    assert (status, answer["error"]["code"]) == (415, "UnsupportedContentType")


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_body_that_is_refused_unread_does_not_cost_its_sender_the_answer(running: Container, connection: str) -> None:
    for size in (MAX_BYTES + 1, 25 * 2**20):
        status, answer = running.post(bytes(size), Content_Type="image/png", Connection=connection)
        assert (status, answer["error"]["code"]) == (413, "TooManyBytes")


def test_images_that_would_take_long_to_decode_are_refused_and_others_answered_meanwhile(
    running: Container, encode: Encode
) -> None:
    """The first took 14 s and the second a gigabyte, and calls beside two of them 28 s, before they were bounded."""
    bad = [hostile.COSTLY[kind]() for kind in ("scans of a JPEG", "canvas of a WebP")]
    with ThreadPoolExecutor(4) as pool:
        refused = [pool.submit(running.post, content, Content_Type="application/x-image") for content in bad * 5]
        answered = [pool.submit(running.post, encode(), Content_Type="image/png") for _ in range(10)]
    assert [future.result()[0] for future in answered] == [200] * 10
    assert {(future.result()[0], future.result()[1]["error"]["code"]) for future in refused} == {(413, "TooCostly")}


def test_the_largest_images_are_decoded_one_after_another(running: Container) -> None:
    large = hostile.encoded(Image.new("RGB", (7000, 7000)), compress_level=1)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: running.post(large, Content_Type="image/png"), range(3)))
    assert [status for status, _ in answers] == [200] * 3


def test_a_body_that_comes_slowly_keeps_no_one_waiting(running: Container, encode: Encode) -> None:
    body = encode()
    with Call(running, body) as slow:
        slow.send(body[:100])
        assert running.post(body, Content_Type="image/png")[0] == 200
        slow.send(body[100:])
        assert slow.answer() == 200


def test_a_thousand_calls_at_once_are_answered_or_refused_and_it_goes_on(running: Container, encode: Encode) -> None:
    body = encode()
    statuses = asyncio.run(flood(running, body))
    assert statuses.keys() == {200, 429}
    assert running.post(body, Content_Type="image/png")[0] == 200


def test_the_calls_in_progress_are_answered_after_sigterm(start: Start, model_folder: Path, encode: Encode) -> None:
    body = encode()
    with start(model_folder, "serve") as started, ExitStack() as stack:
        started.ready()
        calls = [stack.enter_context(Call(started, body)) for _ in range(4)]
        started.terminate()
        until(lambda: "Shutting down" in messages(started))
        for call in calls:
            call.send(body)
            assert call.answer() == 200
        assert started.exit_code() == 0


def test_sigterm_while_the_model_loads_ends_it(start: Start, model_folder: Path) -> None:
    with start(model_folder, "serve") as started:
        until(started.log)
        started.terminate()
        assert started.exit_code() == 0


def test_two_processes_serve_and_end_together(start: Start, model_folder: Path, encode: Encode) -> None:
    with start(model_folder, "serve", WEB_CONCURRENCY="2") as started:
        until(lambda: sum("Started server process" in message for message in messages(started)) == 2)
        statuses = asyncio.run(flood(started, encode()))
        assert statuses.keys() <= {200, 429}
        children = psutil.Process(started.process.pid).children(recursive=True)
        started.terminate()
        assert started.exit_code() == 0
        until(lambda: not any(child.is_running() for child in children))


@pytest.mark.parametrize("arguments", [(), ("train",), ("serve", "now")])
def test_other_arguments_than_serve_are_refused(start: Start, model_folder: Path, arguments: tuple[str, ...]) -> None:
    with start(model_folder, *arguments) as started:
        assert started.exit_code() == 2
        given = " ".join(arguments) or "(none)"
        assert f"error: arguments {given}: the only one is serve" in started.stderr()


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "the model archive has no model.onnx"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"?"), "model.onnx cannot be loaded"),
        (lambda folder: (folder / "model.json").write_text('{"model": ""}'), "model.json lacks image_size, labels"),
    ],
    ids=["no model", "a broken one", "half a description"],
)
def test_without_a_model_it_ends_and_the_last_line_says_why(
    start: Start, model_folder: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str, processes: str
) -> None:
    spoilt = Path(shutil.copytree(model_folder, tmp_path / "spoilt"))
    spoil(spoilt)
    with start(spoilt, "serve", WEB_CONCURRENCY=processes) as started:
        assert started.exit_code() == 1
        last = started.log()[-1]
        assert last["event"] == "failed"
        assert said in last["reason"]


@of_the_process
def test_a_model_that_needs_more_memory_than_there_is_ends_it(start: Start, model_folder: Path, tmp_path: Path) -> None:
    large = Path(shutil.copytree(model_folder, tmp_path / "large"))
    description = json.loads((large / "model.json").read_text())
    side = int(MEMORY**0.5)  # three times the memory for the pixels of one image
    (large / "model.json").write_text(json.dumps(description | {"image_size": side}))
    with start(large, "serve") as started:
        assert started.exit_code() == 1
        assert "Unable to allocate" in started.log()[-1]["reason"]


@of_the_process
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_port_that_is_taken_ends_it(start: Start, model_folder: Path, processes: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(model_folder, "serve", port=port, WEB_CONCURRENCY=processes) as started:
            assert started.exit_code() == 3
            assert "address already in use" in started.log()[-1]["message"].lower()


class Call:
    """A POST of which the server has the head, and waits for the body."""

    def __init__(self, running: Container, body: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", running.port), timeout=LIMIT_SECONDS)
        self.send(
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        assert self.answer() == 100

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, part: bytes) -> None:
        self._socket.sendall(part)

    def answer(self) -> int:
        """Status of what comes next."""
        return int(self._socket.recv(2**16).split()[1])


async def flood(running: Container, body: bytes) -> Counter[int]:
    """Number of answers by status to AT_ONCE calls at once."""

    async def call() -> int:
        async with session.post(url, data=body, headers={"Content-Type": "image/png"}) as answer:
            await answer.read()
            return answer.status

    url, timeout = f"http://127.0.0.1:{running.port}/invocations", aiohttp.ClientTimeout(total=LIMIT_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        return Counter(await asyncio.gather(*(call() for _ in range(AT_ONCE))))


def messages(running: Container) -> list[str]:
    return [line.get("message", "") for line in running.log()]
