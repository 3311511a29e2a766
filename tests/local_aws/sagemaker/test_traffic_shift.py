"""Calls shift to the new fleet step by step, and back to the old one when an alarm goes off."""

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from local_aws.sagemaker import shift
from local_aws.sagemaker.deployment import DeploymentPlan, Step
from local_aws.sagemaker.shift import RolledBack, Shift
from local_aws.sagemaker.traffic import Traffic, mix

BLUE, GREEN = ["b1", "b2", "b3", "b4"], ["g1", "g2", "g3", "g4"]


def answers(traffic: Traffic[str], calls: int) -> Counter[str]:
    """Count the next calls that each instance receives."""
    return Counter(str(traffic.next()) for _ in range(calls))


@pytest.mark.parametrize("taking", [1, 2, 3, 4])
def test_the_new_fleet_has_the_share_of_calls_that_its_instances_are(taking: int) -> None:
    traffic: Traffic[str] = Traffic()
    traffic.set(mix(BLUE, GREEN, taking))
    counts = answers(traffic, 400)
    assert sum(counts[instance] for instance in GREEN) == 100 * taking
    assert len(set(counts.values())) == 1  # every instance has the same load


def test_an_instance_that_cannot_be_used_gets_no_call_unless_none_can() -> None:
    traffic: Traffic[str] = Traffic()
    traffic.set(BLUE)
    assert {traffic.next(lambda each: each != "b2") for _ in range(8)} == {"b1", "b3", "b4"}
    assert {traffic.next(lambda _: False) for _ in range(8)} == {*BLUE}


def test_old_and_new_ones_take_turns() -> None:
    assert [each[0] for each in mix(BLUE, GREEN, 2)] in (list("bgbg"), list("gbgb"))


@pytest.mark.parametrize(("blue", "green"), [(1, 4), (4, 1), (2, 3), (0, 2)])
def test_a_fleet_of_another_size_never_leaves_a_call_without_an_instance(blue: int, green: int) -> None:
    for taking in range(1, green + 1):
        assert mix(BLUE[:blue], GREEN[:green], taking)
    assert mix(BLUE[:blue], GREEN[:green], green) == GREEN[:green]


def test_no_fleet_no_instance() -> None:
    assert Traffic[str]().next() is None


@pytest.fixture
def statuses() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def traffic() -> Traffic[str]:
    traffic: Traffic[str] = Traffic()
    traffic.set(BLUE)
    return traffic


def begin(
    traffic: Traffic[str],
    statuses: list[tuple[str, str]],
    in_alarm: Callable[[], list[str]],
    *,
    limit: int | None = None,
) -> Shift[str]:
    deployment = DeploymentPlan(steps=(Step(1, 60), Step(2, 60), Step(4, 60)), limit=limit, alarms=("errors",))
    return Shift(
        deployment,
        traffic,
        blue=BLUE,
        green=GREEN,
        in_alarm=in_alarm,
        on_status=lambda *status: statuses.append(status),
        started=time.monotonic(),
    )


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift, "real_seconds", lambda seconds: 0.0)


def test_every_step_is_announced_and_watched(traffic: Traffic[str], statuses: list[tuple[str, str]]) -> None:
    shares: list[int] = []

    def look() -> list[str]:
        counts = answers(traffic, 4)
        shares.append(sum(counts[instance] for instance in GREEN))
        return []

    begin(traffic, statuses, look).run()
    assert shares == [1, 2, 4, 4]  # the last one: while the old fleet waits for its termination
    assert [status for status, _ in statuses] == ["ActivatingTraffic", "Baking"] * 3
    assert statuses[0][1] == "1 of 4 new instances take calls"


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_an_alarm_in_any_step_takes_every_call_back(
    traffic: Traffic[str], statuses: list[tuple[str, str]], step: int
) -> None:
    looks: Iterator[list[str]] = iter([*[[]] * (step - 1), ["errors"]])
    with pytest.raises(RolledBack, match="errors"):
        begin(traffic, statuses, lambda: next(looks)).run()
    assert set(answers(traffic, 40)) == set(BLUE)


def test_an_alarm_that_may_not_be_asked_takes_every_call_back(
    traffic: Traffic[str], statuses: list[tuple[str, str]]
) -> None:
    def denied() -> list[str]:
        raise PermissionError("cloudwatch:DescribeAlarms")

    with pytest.raises(PermissionError):
        begin(traffic, statuses, denied).run()
    assert set(answers(traffic, 40)) == set(BLUE)


def test_a_deployment_over_its_limit_takes_every_call_back(
    traffic: Traffic[str], statuses: list[tuple[str, str]]
) -> None:
    with pytest.raises(RolledBack, match="more than 0 seconds"):
        begin(traffic, statuses, list, limit=0).run()
    assert set(answers(traffic, 40)) == set(BLUE)
