"""The endpoint: HTTP over the classifier, as an ASGI application.

GET /ping answers 200 once the model is loaded.

POST /invocations with an image as application/x-image or as image/jpeg, image/png, image/webp, image/gif, image/bmp,
image/tiff or image/avif (its bytes decide, not the type), 6 MiB and 50 megapixels at most. 200 answers

    {"predictions": [{"label": "cat", "probability": 0.93}, …], "model": "<SHA-256 of the model file>"}

best first, five at most; the custom attribute `k=3` (header X-Amzn-SageMaker-Custom-Attributes) asks for three. The
probabilities are calibrated: of answers given 0.9, nine in ten are right on images like those validated on.

POST application/json, `{"image": "<base64>"}`, for the same; or a list of 1 to 16 of them, for a list of as many
answers in their order, where an image that cannot be read has an `error` in place of `predictions`.

Every answer is JSON and has the model in the header X-Amzn-SageMaker-Custom-Attributes, as `model=<SHA-256>`. What
is refused has `{"error": {"code", "message"}}`, with

    400  NotAnImage, NotJson, InvalidJson, NotBase64, InvalidAttribute, Disconnected (for the log alone)
    404, 405  NotFound, MethodNotAllowed: another path, or another method
    406  NotAcceptable: Accept leaves out application/json
    408  BodyTimeout: the body did not come within 10 s
    413  TooManyBytes, TooManyPixels, TooCostly (in memory or work to decode; found from the file's structure, before
         anything is decoded), TooManyImages
    415  UnsupportedContentType
    429  Busy: more images in flight than are answered in a second or so; Retry-After, which SageMaker does not hand on,
         says when to come back
    500  Internal: the log says why
"""

import asyncio
import time
from contextlib import nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from serving import log, protocol
from serving.admission import Admission, Full
from serving.body import AnswerThenRead, read
from serving.classifier import Classifier
from serving.pool import ClassifierPool, refusal_of
from serving.preprocessing import MAX_MEMORY, ImageError, ImageFile
from serving.protocol import ATTRIBUTES, JSON_TYPE, Refusal

RETRY_SECONDS = 1
# of a refusal; a connection on which a body still trickles is of no more use
HEADERS = {408: {"Connection": "close"}, 429: {"Retry-After": str(RETRY_SECONDS)}}


def make_app(classifier: Classifier) -> ASGIApp:
    """The ASGI application of one process."""
    endpoint = InferenceEndpoint(classifier)
    routes = [Route("/ping", _ping), Route("/invocations", endpoint.invoke, methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_call})  # type: ignore[dict-item]
    app.router.redirect_slashes = False  # another path is 404
    return AnswerThenRead(app)


class InferenceEndpoint:
    """The threads that classify, and a bound on what waits for them."""

    def __init__(self, classifier: Classifier) -> None:
        self._pool = ClassifierPool(classifier)
        self._admission = Admission(classifier.seconds)

    async def invoke(self, request: Request) -> JSONResponse:
        """The answer to a call, refused or not; one line of the log tells of it."""
        start = time.perf_counter()
        line: dict[str, Any] = {"content_type": request.headers.get("content-type")}
        headers = {ATTRIBUTES: f"model={self._pool.model}"}
        try:
            status, answer = 200, await self._answer(request, line)
        except Refusal as refusal:
            status, answer = refusal.status, protocol.error(refusal.code, str(refusal))
            line["error"] = refusal.code
            headers |= HEADERS.get(status, {})
        except Exception as error:  # a fault of ours: the trace's gist to the log, none of it to the client
            status, answer = 500, protocol.error("Internal", "the classifier failed; its log says why")
            line["error"] = f"{type(error).__name__}: {error}"
        log.write("request", **line, status=status, milliseconds=round(1000 * (time.perf_counter() - start), 1))
        return JSONResponse(answer, status_code=status, headers=headers)

    async def _answer(self, request: Request, line: dict[str, Any]) -> Any:
        content_type = protocol.content_type(request.headers)
        protocol.check_accept(request.headers)
        count = protocol.predictions_asked(request.headers)
        try:
            with self._admission.place(1):  # before the body, which would take memory
                body = await read(request)
                line["bytes"] = len(body)
                contents, several = [body], False
                if content_type == JSON_TYPE:
                    contents, several = await asyncio.to_thread(protocol.images_of, body)
                with self._admission.place(len(contents) - 1):
                    if several:
                        return await self._results(contents, count)
                    with self._admission.turn(1):
                        return await self._classify(self._pool.inspect(contents[0]), count)
        except Full as full:
            raise Refusal(429, "Busy", f"{full}: try again in {RETRY_SECONDS} s") from None

    async def _classify(self, file: ImageFile, count: int) -> dict[str, Any]:
        try:
            probabilities = await asyncio.wrap_future(self._pool.submit(file))
        except ImageError as error:
            raise refusal_of(error) from None
        return self._pool.answer(probabilities, count)

    async def _results(self, contents: list[bytes], count: int) -> list[dict[str, Any]]:
        """Results of several images; an image that is refused has the error as its result.

        Raises:
            Refusal: together they take more than one image may.
        """
        found: list[ImageFile | Refusal] = []
        for content in contents:
            try:
                found.append(self._pool.inspect(content))
            except Refusal as refusal:
                found.append(refusal)
        readable = [file for file in found if isinstance(file, ImageFile)]
        if sum(file.memory for file in readable) > MAX_MEMORY:
            raise Refusal(413, "TooCostly", "together the images take too much to decode: send fewer in a call")
        with self._admission.turn(len(readable)) if readable else nullcontext():
            return await asyncio.gather(*(self._result(file, count) for file in found))

    async def _result(self, file: ImageFile | Refusal, count: int) -> dict[str, Any]:
        try:
            if isinstance(file, Refusal):
                raise file
            return await self._classify(file, count)
        except Refusal as refusal:
            return protocol.error(refusal.code, str(refusal)) | {"model": self._pool.model}


async def _ping(_: Request) -> Response:
    return Response()


async def _no_such_call(request: Request, error: HTTPException) -> JSONResponse:
    code = "MethodNotAllowed" if error.status_code == 405 else "NotFound"
    said = protocol.error(code, f"{request.method} {request.url.path}: send POST /invocations, or GET /ping")
    return JSONResponse(said, status_code=error.status_code, headers=error.headers)
