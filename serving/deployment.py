"""The endpoint: HTTP over the classifier, run by Ray Serve (see config.yaml).

POST an image as image/jpeg, image/png, image/webp or application/x-image (any of the three), 6 MiB and 50 megapixels
at most. 200 answers

    {"predictions": [{"label": "cat", "probability": 0.93}, …], "model": "<SHA-256 of the model file>"}

best first, five at most; the custom attribute `k=3` (header X-Amzn-SageMaker-Custom-Attributes) asks for three. The
probabilities are calibrated: of answers given 0.9, nine in ten are right on images like those validated on.

POST application/json, `{"image": "<base64>"}`, for the same; or a list of 1 to 16 of them, for a list of as many
answers in their order, where an image that cannot be read has an `error` in place of `predictions`.

Every answer is JSON and has the model in the header X-Amzn-SageMaker-Custom-Attributes, as `model=<SHA-256>`. What
is refused has `{"error": {"code", "message"}}`, with

    400  NotAnImage, NotJson, InvalidJson, NotBase64, InvalidAttribute
    406  NotAcceptable: Accept leaves out application/json
    413  TooManyBytes, TooManyPixels (found from the image's header), TooManyImages
    415  UnsupportedContentType
    429  Busy: more images in flight than are answered in a second or so; Retry-After, which SageMaker and the image's
         adapter do not hand on, says when to come back
    500  Internal: the log says why
"""

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import protocol
from batcher import Batcher
from classifier import Classifier, cores
from preprocessing import ImageError, TooManyPixels
from protocol import ATTRIBUTES, JSON_TYPE, MAX_IN_FLIGHT, Refusal
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_BATCH = 8  # images; more gain nothing on a CPU
BATCHES = 2  # at a time: while one thread collects results, the cores work for the other
RETRY_SECONDS = 1

T = TypeVar("T")


@serve.deployment
class ImageClassifier:
    """One replica: a model in memory, threads that decode, threads that infer, and a bound on what waits for them."""

    def __init__(self) -> None:
        self._classifier = Classifier(Path(__file__).parent)
        self._decoders = ThreadPoolExecutor(cores())
        self._batcher = Batcher(self._classifier.infer, threads=BATCHES, max_batch=MAX_BATCH)
        self._in_flight = 0

    async def __call__(self, request: Request) -> JSONResponse:
        start = time.perf_counter()
        log: dict[str, Any] = {"event": "request", "content_type": request.headers.get("content-type")}
        headers = {ATTRIBUTES: f"model={self._classifier.model}"}
        try:
            status, answer = 200, await self._answer(request, log)
        except Refusal as refusal:
            status, answer = refusal.status, protocol.error(refusal.code, str(refusal))
            log["error"] = refusal.code
            if status == 429:
                headers["Retry-After"] = str(RETRY_SECONDS)
        except Exception as error:  # a fault of ours: the trace's gist to the log, none of it to the client
            status, answer = 500, protocol.error("Internal", "the classifier failed; its log says why")
            log["error"] = f"{type(error).__name__}: {error}"
        log |= {"status": status, "milliseconds": round(1000 * (time.perf_counter() - start), 1)}
        print(json.dumps(log), flush=True)
        return JSONResponse(answer, status_code=status, headers=headers)

    async def _answer(self, request: Request, log: dict[str, Any]) -> Any:
        content_type = protocol.content_type(request.headers)
        protocol.check_accept(request.headers)
        count = protocol.predictions_asked(request.headers)
        with self._room(1):  # before the body, which would take memory
            body = await _read(request)
            log["bytes"] = len(body)
            if content_type != JSON_TYPE:
                return await self._classify(body, count)
            contents, several = await self._in_pool(protocol.images_of, body)
            if not several:
                return await self._classify(contents[0], count)
            with self._room(len(contents) - 1):
                return await asyncio.gather(*(self._result(content, count) for content in contents))

    async def _classify(self, content: bytes, count: int) -> dict[str, Any]:
        try:
            pixels = await self._in_pool(self._classifier.decode, content)
        except TooManyPixels as error:
            raise Refusal(413, "TooManyPixels", str(error)) from None
        except ImageError as error:
            raise Refusal(400, "NotAnImage", str(error)) from None
        probabilities = await asyncio.wrap_future(self._batcher.submit(pixels))
        predictions = self._classifier.best(probabilities, count)
        return {"predictions": [dataclasses.asdict(p) for p in predictions], "model": self._classifier.model}

    async def _result(self, content: bytes, count: int) -> dict[str, Any]:
        """As `_classify`, for one of several images: what is wrong with it is its result."""
        try:
            return await self._classify(content, count)
        except Refusal as refusal:
            return protocol.error(refusal.code, str(refusal)) | {"model": self._classifier.model}

    @contextmanager
    def _room(self, images: int) -> Iterator[None]:
        """Holds places for images in flight; refuses with 429 where there are none."""
        if self._in_flight + images > MAX_IN_FLIGHT:
            raise Refusal(429, "Busy", f"{self._in_flight} images are in flight: try again in {RETRY_SECONDS} s")
        self._in_flight += images
        try:
            yield
        finally:
            self._in_flight -= images

    async def _in_pool(self, function: Callable[[bytes], T], content: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._decoders, function, content)


async def _read(request: Request) -> bytes:
    """The request's body.

    Raises:
        Refusal: 413, larger than MAX_BYTES, from its header or as soon as it shows; no more is kept in memory.
    """
    length = request.headers.get("content-length", "0")
    protocol.too_large(int(length) if length.isdigit() else 0)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        protocol.too_large(len(content))
    return bytes(content)


app = ImageClassifier.bind()  # type: ignore[attr-defined]  # the decorator adds it
