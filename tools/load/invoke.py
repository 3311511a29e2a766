"""InvokeEndpoint over aiohttp with SigV4 signatures, since boto3's client takes a thread and a millisecond a call.

A signature is valid for minutes and depends only on the request. Each image is therefore signed once a minute, not
once a call: the load generator has to be cheap when it shares a machine with the endpoint.
"""

import json
import os
import ssl
import time
from collections.abc import Sequence

import aiohttp
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from yarl import URL

from tools.load.images import RequestImage
from tools.preflight import NotReady

_SIGNED_SECONDS = 60.0  # AWS accepts a SigV4 signature for 5 minutes


class Invoker:
    """Async client of one endpoint: `await invoker(n)` sends image n modulo their number.

    The result is "" when the answer is 200, else a short reason.

    Raises:
        NotReady: there are no credentials to sign with.
    """

    def __init__(self, endpoint: str, images: Sequence[RequestImage], *, timeout: float) -> None:
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

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def __call__(self, number: int) -> str:
        index = number % len(self._images)
        body = self._images[index].content
        try:
            headers = self._headers(index)
            async with self._http.post(URL(self._url, encoded=True), data=body, headers=headers) as answer:
                content = await answer.read()
                if answer.status == 200:
                    return ""
                return _reason(answer.status, answer.headers.get("x-amzn-errortype", ""), content)
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError, BotoCoreError, ClientError) as error:
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
    """Short reason of a failed call: HTTP status, error code and, for a ModelError, the container's own status."""
    try:
        model = json.loads(content).get("OriginalStatusCode", "")
    except (ValueError, AttributeError):
        model = ""
    return " ".join(str(part) for part in (status, code.partition(":")[0], model) if part)
