"""Load on a server, from a process of its own: so many clients, each sending its next image when it has an answer.

`python -m bench.serve_load URL FOLDER CLIENTS SECONDS` prints what came of it as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import numpy as np

WARM_UP = 0.2  # part of the seconds that is not counted


@dataclass(frozen=True)
class Load:
    """What came of it.

    Attributes:
        rate: answers with status 200 a second.
        p50, p99: their seconds.
        statuses: answers by status; 0 is none at all.
        answers: all of them, those of the warm-up too.
        processor: the load generator's own processor seconds an answer.
    """

    rate: float
    p50: float
    p99: float
    statuses: dict[str, int]
    answers: int
    processor: float


async def send(url: str, images: list[bytes], clients: int, seconds: float) -> Load:
    """POSTs images as image/jpeg, for so long and a warm-up of a fifth of it."""
    answers: list[tuple[int, float]] = []
    total, used = 0, time.process_time()
    start = time.perf_counter() + WARM_UP * seconds
    end = start + seconds

    async def client(number: int) -> None:
        nonlocal total
        while (sent := time.perf_counter()) < end:
            try:
                content = images[(number + len(answers)) % len(images)]
                async with session.post(url, data=content, headers={"Content-Type": "image/jpeg"}) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            total += 1
            if start <= (now := time.perf_counter()) < end:
                answers.append((status, now - sent))
            if status != 200:
                await asyncio.sleep(0.1)  # as a client that was told to come back

    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(client(number) for number in range(clients)))
    taken = [spent for status, spent in answers if status == 200] or [float("inf")]
    return Load(
        rate=sum(status == 200 for status, _ in answers) / seconds,
        p50=float(np.percentile(taken, 50)),
        p99=float(np.percentile(taken, 99)),
        statuses={str(status): count for status, count in sorted(Counter(status for status, _ in answers).items())},
        answers=total,
        processor=(time.process_time() - used) / max(1, total),
    )


if __name__ == "__main__":
    url, folder, clients, seconds = sys.argv[1:]
    images = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
    print(json.dumps(asdict(asyncio.run(send(url, images, int(clients), float(seconds))))))
