"""Token buckets of an API's routes.

AWS: "Throttle requests to your HTTP APIs", API Gateway developer guide: a token counts for a request; the burst is the
size of the bucket, the rate fills it.
"""

from itertools import count
from typing import Any

import pytest

from local_aws.http_api import throttle

_apis = count()


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "time", clock)
    return clock


@pytest.fixture
def api() -> str:
    return f"api-{next(_apis)}"


def limits(rate: float, burst: int, **routes: Any) -> dict[str, Any]:
    default = {"throttlingRateLimit": rate, "throttlingBurstLimit": burst}
    return {"defaultRouteSettings": default, "routeSettings": routes}


def passed(api: str, settings: dict[str, Any], requests: int, route: str = "POST /classify") -> int:
    return sum(throttle.refuse(api, "$default", settings, route) is None for _ in range(requests))


def test_a_burst_passes_at_once_and_the_rate_afterwards(clock: Clock, api: str) -> None:
    settings = limits(2, 5)
    assert passed(api, settings, 9) == 5
    clock.now += 1.5
    assert passed(api, settings, 9) == 3
    clock.now += 3600
    assert passed(api, settings, 9) == 5


def test_each_api_and_route_has_its_own(clock: Clock, api: str) -> None:
    settings = limits(1, 1)
    assert [passed(api, settings, 2, route) for route in ("POST /a", "POST /b")] == [1, 1]
    assert passed(f"{api}-other", settings, 2, "POST /a") == 1


def test_a_route_s_own_settings_come_first(clock: Clock, api: str) -> None:
    own = {"throttlingRateLimit": 1, "throttlingBurstLimit": 3}
    assert passed(api, limits(1, 1, **{"POST /classify": own}), 9) == 3


def test_other_limits_count_from_the_next_request_on(clock: Clock, api: str) -> None:
    assert passed(api, limits(1, 1), 2) == 1
    assert passed(api, limits(1, 4), 9) == 4


def test_without_limits_everything_passes(clock: Clock, api: str) -> None:
    assert passed(api, {}, 50) == 50
