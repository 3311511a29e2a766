"""InvokeEndpoint: forwards a call to an instance of the endpoint and records its metrics.

Source: "InvokeEndpoint", SageMaker Runtime API reference.
"""

import json
import time
from urllib.parse import unquote

import aiohttp

from aws.log_groups import endpoint_log_group
from local_aws.sagemaker import endpoint_metrics
from local_aws.sagemaker.api import endpoints
from local_aws.sagemaker.data_capture import CapturedCall
from local_aws.sagemaker.endpoint import LocalEndpoint
from local_aws.service import ApiError, Response, answer

_LIMIT_BYTES = 25 * 2**20
_LIMIT_SECONDS = 60.0
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"  # the only header of the container that is returned

_session: aiohttp.ClientSession | None = None


async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
    received = time.perf_counter()
    parts = path.strip("/").split("/")
    try:
        if method != "POST" or len(parts) != 3 or parts[2] != "invocations":
            raise ApiError("UnknownOperationException", f"local AWS does not support {method} {path}", 404)
        name = unquote(parts[1])
        if len(body) > _LIMIT_BYTES:
            raise ApiError("ValidationError", f"the request has {len(body)} bytes; the limit is {_LIMIT_BYTES}", 413)
        try:
            endpoint = endpoints.get(name)
        except ApiError:
            raise ApiError("ValidationError", f"Endpoint {name} of account not found.") from None
        return await _invoke(endpoint, headers, body, received)
    except ApiError as error:
        return answer({"message": str(error)}, error.status, error.code)


async def _invoke(endpoint: LocalEndpoint, headers: dict[str, str], body: bytes, received: float) -> Response:
    instance = endpoint.next_instance()
    forwarded = {"Content-Type": headers.get("content-type", "application/json")}  # default of the image's adapter
    forwarded |= {k: v for k, v in headers.items() if k == "accept" or k.startswith("x-amzn-sagemaker-")}
    start = time.perf_counter()
    instance.in_flight += 1
    try:
        async with _http().post(instance.url + "/", data=body, headers=forwarded) as reply:
            status, content = reply.status, await reply.read()
            attributes = reply.headers.get(_ATTRIBUTES, "")
            content_type = reply.headers.get("Content-Type", "application/octet-stream")
    except (TimeoutError, aiohttp.ClientError) as error:
        status, attributes, content_type = _adapter_status(error), "", "application/json"
        content = json.dumps({"error": str(error) or type(error).__name__}).encode()
    finally:
        instance.in_flight -= 1
    model = time.perf_counter() - start
    overhead = time.perf_counter() - received - model
    endpoint_metrics.record(endpoint, instance.config_name, status, model, overhead, time.time())
    if status >= 400:
        return _model_error(endpoint, status, content)
    if instance.capture:
        instance.capture.offer(CapturedCall(forwarded["Content-Type"], body, content_type, content))
    answered = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": endpoint.variant_name}
    return 200, answered | ({_ATTRIBUTES: attributes} if attributes else {}), content


def _adapter_status(error: Exception) -> int:
    """Status that the image's adapter returns for a failed replica: 504 timeout, 503 not listening, 500 aborted."""
    if isinstance(error, TimeoutError):  # also the base class of aiohttp's timeouts
        return 504
    return 503 if isinstance(error, aiohttp.ClientConnectorError) else 500


def _model_error(endpoint: LocalEndpoint, status: int, content: bytes) -> Response:
    text = content.decode(errors="replace")
    side = "client" if status < 500 else "server"
    payload = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if status < 500 else "SERVER_ERROR_FROM_MODEL",
        "LogStreamArn": endpoint_log_group(endpoint.name),
        "Message": f'Received {side} error ({status}) from primary with message "{text}".',
        "OriginalMessage": text,
        "OriginalStatusCode": status,
    }
    headers = {"Content-Type": "application/json", "x-amzn-errortype": "ModelError"}
    return 424, headers, json.dumps(payload).encode()


def _http() -> aiohttp.ClientSession:
    global _session
    if _session is None:
        _session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_LIMIT_SECONDS), connector=aiohttp.TCPConnector(limit=0)
        )
    return _session
