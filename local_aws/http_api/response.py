"""Responses of API Gateway itself, and facts about the request that is being handled."""

import json
from contextvars import ContextVar
from typing import Any

ApiGatewayResponse = tuple[int, dict[str, Any], bytes]

access: ContextVar[dict[str, Any]] = ContextVar("access")
"""Facts about the request, by the names of the access log's variables."""


def message(status: int, text: str) -> ApiGatewayResponse:
    """A response of API Gateway itself."""
    return status, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode()
