"""Throttling of a stage's routes by token buckets.

Source: "Throttle requests to your HTTP APIs", API Gateway developer guide. On AWS these are targets, and an account has
limits of its own; here the settings of the route are exact.
"""

import time
from dataclasses import dataclass
from typing import Any

from local_aws.http_api.response import ApiGatewayResponse, message

_buckets: dict[tuple[str, str, str], "_TokenBucket"] = {}


@dataclass
class _TokenBucket:
    """Tokens of one route: `burst` at most, and `rate` more each second."""

    rate: float
    burst: int
    tokens: float
    at: float

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens, self.at = min(self.burst, self.tokens + (now - self.at) * self.rate), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def refuse(api_id: str, stage: str, settings: dict[str, Any], route: str) -> ApiGatewayResponse | None:
    """429 if the route has had its requests; None if this one may go on."""
    limits = {**settings.get("defaultRouteSettings", {}), **settings.get("routeSettings", {}).get(route, {})}
    if "throttlingRateLimit" not in limits or "throttlingBurstLimit" not in limits:
        return None
    rate, burst = float(limits["throttlingRateLimit"]), int(limits["throttlingBurstLimit"])
    bucket = _buckets.get((api_id, stage, route))
    if bucket is None or (bucket.rate, bucket.burst) != (rate, burst):
        bucket = _buckets[api_id, stage, route] = _TokenBucket(rate, burst, burst, time.monotonic())
    if bucket.take():
        return None
    return message(429, "Too Many Requests")
