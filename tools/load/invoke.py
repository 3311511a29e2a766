"""InvokeEndpoint without boto3, whose client takes a thread and a millisecond a call: SigV4 over aiohttp.

A signature holds for minutes and covers no more than the request, so that each image is signed once a minute
instead of once a call: the load generator has to be cheap where it shares a machine with the endpoint.
"""

import json
import os
import ssl
import time
from collections.abc import Sequence
from types import TracebackType

import aiohttp
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from yarl import URL

from tools.load.images import Image
from tools.preflight import NotReady

_SIGNED_SECONDS = 60.0  # SigV4 signatures are taken for 5 minutes


class Invoker:
    """`await invoker(n)` sends image n, in turn; "" when the answer was 200, else what went wrong.

    Raises:
        NotReady: when there are no credentials to sign with.
    """

    def __init__(self, endpoint: str, images: Sequence[Image], *, timeout: float) -> None:
        session = boto3.session.Session()
        self._credentials = session.get_credentials()
        if self._credentials is None:
            raise NotReady("no credentials to sign with: sign in (aws sso login)")
        self._region = session.region_name
        self._url = f"{session.client('sagemaker-runtime').meta.endpoint_url}/endpoints/{endpoint}/invocations"
        self._images = images
        self._timeout = timeout
        self._signed: dict[int, tuple[float, dict[str, str]]] = {}

    async def __aenter__(self) -> "Invoker":
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def __call__(self, number: int) -> str:
        index = number % len(self._images)
        headers, body = self._headers(index), self._images[index].content
        try:
            async with self._http.post(URL(self._url, encoded=True), data=body, headers=headers) as answer:
                content = await answer.read()
                return (
                    ""
                    if answer.status == 200
                    else _reason(answer.status, answer.headers.get("x-amzn-errortype", ""), content)
                )
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return type(error).__name__

    def _headers(self, index: int) -> dict[str, str]:
        signed_at, headers = self._signed.get(index, (float("-inf"), {}))
        if time.monotonic() - signed_at > _SIGNED_SECONDS:
            image = self._images[index]
            headers = {"Content-Type": image.content_type, "Accept": "application/json"}
            request = AWSRequest("POST", self._url, data=image.content, headers=headers)
            SigV4Auth(self._credentials.get_frozen_credentials(), "sagemaker", self._region).add_auth(request)
            headers = dict(request.headers)
            self._signed[index] = time.monotonic(), headers
        return headers


def _reason(status: int, code: str, content: bytes) -> str:
    """Status and error code; of a model's error also the model's own status."""
    try:
        model = json.loads(content).get("OriginalStatusCode", "")
    except (ValueError, AttributeError):
        model = ""
    return " ".join(str(part) for part in (status, code.partition(":")[0], model) if part)
