"""The way of a request through an HTTP API: limits, throttle, authorizer, function, access log.

MiniStack finds the route, checks the token's signature, makes the event of payload format 2.0 and calls the function.
Sources, all API Gateway developer guide: "Quotas for configuring and running an HTTP API", "Control access to HTTP APIs
with IAM authorization", "Configure CORS for HTTP APIs", "Troubleshooting issues with HTTP API Lambda integrations".
"""

import base64
import hashlib
import json
import os
import time
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, sigv4
from ministack.core.arn import execute_api_arn
from ministack.services import apigateway

from aws.quotas import LAMBDA_EVENT_BYTES
from local_aws.http_api import access_log, throttle
from local_aws.http_api.response import ApiGatewayResponse, access, message
from local_aws.iam.service_calls import allowed

Headers = dict[str, str]

_MAX_HEAD_BYTES = 10_240  # request line and header values
_SIGNED = "AWS4-HMAC-SHA256 "

_handle_original = apigateway._handle_execute_in_scope
_enforce_original = app._enforce_execute_api
_run_original = apigateway.run_reentrant


def install() -> None:
    """Hold requests to HTTP APIs to AWS's rules."""
    app._enforce_execute_api = _enforce
    apigateway._handle_execute_in_scope = _handle
    apigateway.run_reentrant = _run


def _enforce(api_id: str, *request: Any, **named: Any) -> Any:
    """Leave HTTP APIs to `_handle`, which knows the route: a preflight request is never signed."""
    if _is_http(api_id):
        return None
    return _enforce_original(api_id, *request, **named)


def _is_http(api_id: str) -> bool:
    scope = apigateway.find_api_scope(api_id)
    return scope is not None and apigateway._apis.get_scoped(*scope, api_id)["protocolType"] == "HTTP"


async def _handle(
    api_id: str,
    stage: str,
    path: str,
    method: str,
    headers: Headers,
    body: bytes,
    query: dict[str, list[str]],
    account: str,
    region: str,
    raw_query: str | None = None,
) -> ApiGatewayResponse:
    if not _is_http(api_id):
        return await _as_ministack(api_id, stage, path, method, headers, body, query, account, region, raw_query)
    settings = apigateway._stages.get(api_id, {}).get(stage)
    route = apigateway._match_route(api_id, method, "/" + path.lstrip("/"))
    if method == "OPTIONS" and not route:
        return await _preflight(api_id, stage, path, headers, account, region)
    if settings is None or route is None:
        return message(404, "Not Found")
    started, arn = time.monotonic(), execute_api_arn(region, account, api_id, stage, method, path)
    known = {"requestId": base64.b64encode(os.urandom(11)).decode(), "routeKey": route["routeKey"], "arn": arn}
    access.set(known | {"accountId": account, "apiId": api_id, "stage": stage, "httpMethod": method})
    response = (
        _head_too_large(path, raw_query or "", headers)
        or throttle.refuse(api_id, stage, settings, route["routeKey"])
        or (_not_allowed(arn, region, headers, body) if route["authorizationType"] == "AWS_IAM" else None)
        or await _as_ministack(api_id, stage, path, method, headers, body, query, account, region, raw_query)
    )
    response[1]["apigw-requestid"] = known["requestId"]
    milliseconds = round((time.monotonic() - started) * 1000)
    access_log.write(settings, {**access.get(), "body": body, "response": response, "responseLatency": milliseconds})
    return response


async def _as_ministack(*request: Any) -> ApiGatewayResponse:
    handled: ApiGatewayResponse = await _handle_original(*request)
    return handled


async def _preflight(
    api_id: str, stage: str, path: str, headers: Headers, account: str, region: str
) -> ApiGatewayResponse:
    """Answer a preflight request, which needs both of its headers; without CORS there is no such route."""
    if not apigateway._apis[api_id].get("corsConfiguration"):
        return message(404, "Not Found")
    if "access-control-request-method" not in headers:
        headers = {name: value for name, value in headers.items() if name != "origin"}
    return await _as_ministack(api_id, stage, path, "OPTIONS", headers, b"", {}, account, region)


def _head_too_large(path: str, query: str, headers: Headers) -> ApiGatewayResponse | None:
    if len(path) + len(query) + sum(map(len, headers.values())) > _MAX_HEAD_BYTES:
        return message(431, "Request Header Fields Too Large")
    return None


def _not_allowed(arn: str, region: str, headers: Headers, body: bytes) -> ApiGatewayResponse | None:
    """Refuse what is not signed for this API and region, by somebody who may call the route."""
    forbidden = message(403, "Forbidden")
    signature = sigv4.parse_header_signature(headers)
    if not headers.get("authorization", "").startswith(_SIGNED) or isinstance(signature, tuple):
        return forbidden
    if (signature.service, signature.region) != ("execute-api", region):
        return forbidden
    # MiniStack takes the body's digest from this header.
    if headers.get("x-amz-content-sha256") not in (None, hashlib.sha256(body).hexdigest()):
        return forbidden
    denied = iam_evaluator.enforce(signature.access_key_id, "execute-api:Invoke", "execute-api", region, arn)
    if denied is not None:
        return forbidden
    caller = apigateway._iam_caller_identity_v2(headers, {}) or {}
    access.get()["identity.userArn"] = caller.get("userArn")
    return None


async def _run(function: Any, *arguments: Any, thread_name: str) -> Any:
    """Call the integration's function, if its policy lets this API do so and the event is not too large."""
    if thread_name != "ministack-apigw-invoke":
        return await _run_original(function, *arguments, thread_name=thread_name)
    known, (record, event) = access.get(), arguments
    if not allowed("apigateway", "lambda:InvokeFunction", _integration(known), {"sourcearn": known["arn"]}):
        known["integrationErrorMessage"] = (
            "The IAM role configured on the integration or API Gateway doesn't have permissions to call the "
            "integration. Check the permissions and try again."
        )
        return _failed(500, "Internal Server Error")
    if len(json.dumps(event)) > LAMBDA_EVENT_BYTES:
        return _failed(413, "Request Entity Too Large")
    result = await _run_original(function, record, event, thread_name=thread_name)
    if result.get("throttle"):
        return _failed(429, "Too Many Requests")
    if result.get("error"):  # its text is for the log, not for the caller
        known["integrationErrorMessage"] = json.dumps(result.get("body"), default=str)
        return _failed(500, "Internal Server Error")
    return result


def _integration(known: dict[str, Any]) -> str:
    """ARN of the function behind the route."""
    route = next(
        route for route in apigateway._routes[known["apiId"]].values() if route["routeKey"] == known["routeKey"]
    )
    integration = apigateway._integrations[known["apiId"]][route["target"].rpartition("/")[2]]
    return str(apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"]))


def _failed(status: int, text: str) -> dict[str, Any]:
    _, headers, body = message(status, text)
    return {"error": True, "body": {"statusCode": status, "headers": headers, "body": body.decode()}}
