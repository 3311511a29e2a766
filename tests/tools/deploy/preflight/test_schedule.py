"""A change of the endpoint's limits that is never due again is found before the deploy."""

import pytest

from tools.deploy.preflight.schedule import schedule
from tools.preflight import NotReady

from .conftest import target


def test_changes_that_are_to_come_are_right() -> None:
    assert schedule(target()) == "changes that are to come: 0"
    ahead = "cron(0 8 ? * MON-FRI *)=2..6; at(2199-01-01T08:00:00)=1..2"
    assert schedule(target(endpoint_schedule=ahead)) == "changes that are to come: 2"


def test_each_change_that_is_over_is_named() -> None:
    over = "at(2020-01-01T08:00:00)=2..6; rate(1 day)=1..2; cron(0 8 1 1 ? 2021)=1..2"
    with pytest.raises(NotReady) as refused:
        schedule(target(endpoint_schedule=over))
    assert refused.value.problems == [
        "at(2020-01-01T08:00:00) is over: take it out of endpoint_schedule",
        "cron(0 8 1 1 ? 2021) is over: take it out of endpoint_schedule",
    ]
