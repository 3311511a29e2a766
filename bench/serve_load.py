"""Load generator in its own process: closed-loop clients that POST images to a server.

    python -m bench.serve_load URL FOLDER CLIENTS SECONDS

It prints a Load as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import numpy as np

WARM_UP = 0.2  # share of the seconds that is added before counting begins


@dataclass(frozen=True)
class Load:
    """Result of a load.

    Attributes:
        rate: answers with status 200 a second.
        p50, p99: their latency in seconds.
        refused_p99: latency in seconds of answers with status 429.
        statuses: number of answers by status; 0 stands for no answer.
        answers: number of all answers, the warm-up's included.
        processor: processor seconds of the load generator per answer.
    """

    rate: float
    p50: float
    p99: float
    refused_p99: float
    statuses: dict[str, int]
    answers: int
    processor: float


def put_under_load(url: str, photos: Path, clients: int, seconds: float) -> Load:
    """Run the load generator in a process of its own."""
    command = [sys.executable, "-m", "bench.serve_load", url, str(photos), str(clients), str(seconds)]
    return Load(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


async def send(url: str, images: list[bytes], clients: int, seconds: float) -> Load:
    """POST images as image/jpeg for `seconds`, after a warm-up of a fifth of that time."""
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
                await asyncio.sleep(0.1)  # back off like a client that was refused

    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(client(number) for number in range(clients)))
    taken, refused = ([spent for got, spent in answers if got == status] or [float("nan")] for status in (200, 429))
    return Load(
        rate=sum(status == 200 for status, _ in answers) / seconds,
        p50=float(np.percentile(taken, 50)),
        p99=float(np.percentile(taken, 99)),
        refused_p99=float(np.percentile(refused, 99)),
        statuses={str(status): count for status, count in sorted(Counter(status for status, _ in answers).items())},
        answers=total,
        processor=(time.process_time() - used) / max(1, total),
    )


if __name__ == "__main__":
    url, folder, clients, seconds = sys.argv[1:]
    images = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
    print(json.dumps(asdict(asyncio.run(send(url, images, int(clients), float(seconds))))))
