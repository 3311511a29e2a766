"""Common parts of the APIs that we add: errors, validation of requests by botocore's models, dispatch."""

import datetime
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import botocore.loaders
import botocore.model

from local_aws.constraints import WrongType, message, violations

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], dict[str, Any] | None]
T = TypeVar("T")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class ApiError(Exception):
    """Error response of an AWS API: `code` is the error type, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def invalid(message: str) -> ApiError:
    """Error ValidationException, with which most of these APIs refuse a request."""
    return ApiError("ValidationException", message)


@cache
def service_model(service: str) -> botocore.model.ServiceModel:
    """botocore's model of a service, the reference for its operations and their shapes."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"))


def dispatch(service: str, operations: dict[str, Operation], headers: dict[str, str], body: bytes) -> Response:
    """Answer one AWS JSON request; an unsupported operation gets an error that lists the supported ones."""
    name = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        if name not in operations:
            raise ApiError(
                "UnknownOperationException",
                f"local AWS does not support {service}:{name}; it supports: {', '.join(sorted(operations))}",
            )
        request = parsed(body)
        check_input(service, name, request)
        return answer(operations[name](request) or {})
    except ApiError as error:
        return answer({"__type": error.code, "message": str(error)}, error.status, error.code)


def parsed(body: bytes) -> dict[str, Any]:
    """Parameters of a JSON request; null stands for a missing one.

    Raises:
        ApiError: the body is no JSON object.
    """
    try:
        request = json.loads(body or b"{}")
        return {name: value for name, value in request.items() if value is not None}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ApiError("SerializationException", f"the body is not a JSON object: {error}") from None


def parameter(body: bytes, name: str) -> str:
    """String parameter of a JSON request; "" if it is missing or the body is malformed, which `dispatch` reports."""
    try:
        value = parsed(body).get(name)
    except ApiError:
        return ""
    return value if isinstance(value, str) else ""


def answer(payload: dict[str, Any], status: int = 200, error_code: str | None = None) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if error_code:
        headers["x-amzn-errortype"] = error_code
    return status, headers, json.dumps(payload, default=_encode).encode()


def require_success(response: Response) -> None:
    """Raise an ApiError if the response of one of MiniStack's operations, in JSON, is an error."""
    status, _, body = response
    if status >= 400:
        error = json.loads(body)
        raise ApiError(error["__type"], error["message"], status)


def check_input(service: str, operation: str, request: dict[str, Any], *, partial: bool = False) -> None:
    """Validate a request against botocore's model; `partial` lets required parameters be missing.

    Raises:
        ApiError: names every parameter that is missing, unknown, of another type, or that breaks a constraint.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return
    if unknown := [name for name in request if name not in shape.members]:
        raise invalid(f"{operation}: unknown parameter {', '.join(map(repr, unknown))}")
    try:
        broken = list(violations(request, shape, partial=partial))
    except WrongType as error:
        raise ApiError("SerializationException", str(error)) from error
    if broken:
        raise invalid(message(broken))


def page(items: list[T], request: dict[str, Any], size: int) -> tuple[list[T], dict[str, str]]:
    """Part of a listing that a request asks for, by default `size` items, and the NextToken if there are more."""
    begin, size = int(request.get("NextToken", 0)), request.get("MaxResults", size)
    return items[begin : begin + size], ({"NextToken": str(begin + size)} if begin + size < len(items) else {})


def coerce(value: Any, shape: botocore.model.Shape, path: str) -> Any:
    """Convert CloudFormation's strings in `value` to the numbers and booleans of the shape.

    Raises:
        ValueError: names each property that the API does not have.
    """
    match shape.type_name:
        case "structure":
            assert isinstance(shape, botocore.model.StructureShape)
            if unknown := sorted(set(value) - set(shape.members)):
                raise ValueError(f"{path}: local AWS does not know the properties {', '.join(unknown)}")
            return {k: coerce(v, shape.members[k], f"{path}.{k}") for k, v in value.items()}
        case "list":
            assert isinstance(shape, botocore.model.ListShape)
            return [coerce(item, shape.member, f"{path}[{i}]") for i, item in enumerate(value)]
        case "map":
            return {str(k): str(v) for k, v in value.items()}
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "boolean":
            return str(value).lower() == "true"
        case _:
            return str(value)


def plain(text: str) -> str:
    """Remove colours and control characters, which an XML response cannot contain."""
    return _CONTROL.sub("", text)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(type(value))
