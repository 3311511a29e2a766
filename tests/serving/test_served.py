"""The endpoint's own code under real Ray Serve, asked over HTTP as the image's adapter asks it."""

import asyncio
import http.client
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from bench.serve_ours import Served, served
from serving.protocol import MAX_BYTES, MAX_IN_FLIGHT
from tests.waiting import LIMIT_SECONDS

pytestmark = pytest.mark.e2e

Encode = Callable[..., bytes]
AT_ONCE = 1000


@pytest.fixture(scope="module")
def instance(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    own = tmp_path_factory.mktemp("served") / "model"  # Python leaves compiled files there
    with served(shutil.copytree(model_folder, own)) as running:
        yield running


def post(instance: Served, body: bytes) -> tuple[int, dict[str, object]]:
    """The answer to a client that sends all of its body before it looks at what comes back."""
    connection = http.client.HTTPConnection(urlsplit(instance.url).netloc, timeout=LIMIT_SECONDS)
    try:
        connection.request("POST", "/", body, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


def test_a_thousand_calls_at_once_are_answered_or_refused_and_it_goes_on(instance: Served, encode: Encode) -> None:
    body = encode()

    async def flood() -> Counter[int]:
        async def call() -> int:
            async with session.post(instance.url, data=body, headers={"Content-Type": "image/png"}) as answer:
                await answer.read()
                return answer.status

        timeout = aiohttp.ClientTimeout(total=LIMIT_SECONDS)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            return Counter(await asyncio.gather(*(call() for _ in range(AT_ONCE))))

    statuses = asyncio.run(flood())
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= MAX_IN_FLIGHT
    status, answer = post(instance, body)
    assert (status, len(answer["predictions"])) == (200, 5)  # type: ignore[arg-type]


def test_a_body_that_is_refused_unread_does_not_cost_its_sender_the_answer(instance: Served) -> None:
    """The adapter sends all of it first: a connection reset in between would be a 500 to it."""
    for size in (MAX_BYTES + 1, 25 * 2**20):
        status, answer = post(instance, bytes(size))
        assert (status, answer["error"]["code"]) == (413, "TooManyBytes")  # type: ignore[index]
