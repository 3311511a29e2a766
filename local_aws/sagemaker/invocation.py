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
from local_aws.service import ApiError, Response, answer, check_input, service_model

_LIMIT_BYTES = 25 * 2**20
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"  # the only header of the container that is returned
_NO_ANSWER = 0  # OriginalStatusCode where the container gave none in time; SageMaker's message has "server error (0)"


async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
    received = time.perf_counter()
    parts = path.strip("/").split("/")
    try:
        if method != "POST" or len(parts) != 3 or parts[2] != "invocations":
            raise ApiError("UnknownOperationException", f"local AWS does not support {method} {path}", 404)
        name = unquote(parts[1])
        _require_allowed(name, headers)
        if len(body) > _LIMIT_BYTES:
            raise ApiError("ValidationError", f"the request has {len(body)} bytes; the limit is {_LIMIT_BYTES}", 413)
        try:
            endpoint = endpoints.get(name)
        except ApiError:
            raise ApiError("ValidationError", f"Endpoint {name} of account not found.") from None
        return await _invoke(endpoint, headers, body, received)
    except ApiError as error:
        return answer({"message": str(error)}, error.status, error.code)


def _require_allowed(endpoint: str, headers: dict[str, str]) -> None:
    """Hold the endpoint's name and the headers to the model of the API."""
    members = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape.members
    names = {member: shape.serialization.get("name", "").lower() for member, shape in members.items()}
    given = {member: headers[name] for member, name in names.items() if name in headers}
    try:
        check_input("sagemaker-runtime", "InvokeEndpoint", {**given, "EndpointName": endpoint}, partial=True)
    except ApiError as error:
        raise ApiError("ValidationError", str(error)) from error


async def _invoke(endpoint: LocalEndpoint, headers: dict[str, str], body: bytes, received: float) -> Response:
    instance = endpoint.next_instance()
    sent = {name: value for name, value in headers.items() if name.startswith("x-amzn-sagemaker-")}
    sent |= {name.title(): headers[name] for name in ("content-type", "accept") if name in headers}
    start = time.perf_counter()
    try:
        status, received_headers, content = await instance.invoke(body, sent)
        attributes = received_headers.get(_ATTRIBUTES, "")
        content_type = received_headers.get("Content-Type", "application/octet-stream")
    except (TimeoutError, aiohttp.ClientError) as error:
        status, attributes, content_type, content = _NO_ANSWER, "", "application/json", _why(error)
    model = time.perf_counter() - start
    overhead = time.perf_counter() - received - model
    endpoint_metrics.record(endpoint, instance.config_name, status or 500, model, overhead, time.time())
    if status >= 400 or status == _NO_ANSWER:
        return _model_error(endpoint, status, content)
    if instance.capture:
        instance.capture.offer(CapturedCall(headers.get("content-type", ""), body, content_type, content))
    answered = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": endpoint.variant_name}
    return 200, answered | ({_ATTRIBUTES: attributes} if attributes else {}), content


def _why(error: Exception) -> bytes:
    if isinstance(error, TimeoutError):  # also the base class of aiohttp's timeouts
        return b"Your invocation timed out while waiting for a response from container primary."
    return f"The container primary gave no answer: {error or type(error).__name__}".encode()


def _model_error(endpoint: LocalEndpoint, status: int, content: bytes) -> Response:
    text = content.decode(errors="replace")
    side = "client" if 400 <= status < 500 else "server"
    payload = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "SERVER_ERROR_FROM_MODEL",
        "LogStreamArn": endpoint_log_group(endpoint.name),
        "Message": f'Received {side} error ({status}) from primary with message "{text}".',
        "OriginalMessage": text,
        "OriginalStatusCode": status,
    }
    headers = {"Content-Type": "application/json", "x-amzn-errortype": "ModelError"}
    return 424, headers, json.dumps(payload).encode()
