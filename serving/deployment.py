"""The endpoint: HTTP over the classifier, run by Ray Serve (see config.yaml).

POST an image as image/jpeg, image/png or application/x-image; the answer is
`{"predictions": [{"label", "probability"}, …], "model": "…"}` or `{"error": {"code", "message"}}`.
"""

import asyncio
import dataclasses
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from classifier import Classifier
from preprocessing import ImageError, TooManyPixels
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

CONTENT_TYPES = ("image/jpeg", "image/png", "application/x-image")
MAX_BYTES = 6 * 2**20


class Refusal(Exception):
    """A request that is at fault, and the HTTP status that says so."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@serve.deployment
class ImageClassifier:
    """One replica: a model in memory and threads that decode and infer while others' bytes arrive."""

    def __init__(self) -> None:
        self._classifier = Classifier(Path(__file__).parent)
        self._threads = ThreadPoolExecutor(os.cpu_count())

    async def __call__(self, request: Request) -> JSONResponse:
        start = time.perf_counter()
        log: dict[str, Any] = {"event": "request", "content_type": request.headers.get("content-type")}
        try:
            content = await _read(request)
            log["bytes"] = len(content)
            status, answer = 200, await self._classify(content)
        except Refusal as refusal:
            status, answer = refusal.status, _error(refusal.code, str(refusal))
            log["error"] = refusal.code
        except Exception as error:  # a fault of ours: the trace's gist to the log, none of it to the client
            status, answer = 500, _error("Internal", "the classifier failed; its log says why")
            log["error"] = f"{type(error).__name__}: {error}"
        log |= {"status": status, "milliseconds": round(1000 * (time.perf_counter() - start), 1)}
        print(json.dumps(log), flush=True)
        return JSONResponse(answer, status_code=status)

    async def _classify(self, content: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        try:
            predictions = await loop.run_in_executor(self._threads, self._classifier.classify, content)
        except TooManyPixels as error:
            raise Refusal(413, "TooManyPixels", str(error)) from None
        except ImageError as error:
            raise Refusal(400, "NotAnImage", str(error)) from None
        return {
            "predictions": [dataclasses.asdict(prediction) for prediction in predictions],
            "model": self._classifier.model,
        }


async def _read(request: Request) -> bytes:
    """The request's body.

    Raises:
        Refusal: of another content type, or larger than MAX_BYTES; no more than that is kept in memory.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        message = f"content type {content_type or '(none)'}: send one of {', '.join(CONTENT_TYPES)}"
        raise Refusal(415, "UnsupportedContentType", message)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise Refusal(413, "TooManyBytes", f"more than {MAX_BYTES:,} bytes: send a smaller image")
    return bytes(content)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


app = ImageClassifier.bind()  # type: ignore[attr-defined]  # the decorator adds it
