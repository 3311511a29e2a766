"""Application Auto Scaling acts on alarms, limits and schedules; its activities name the change and its cause."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local_aws.iam import service_linked_roles
from local_aws.scaling import api as scaling_api
from local_aws.scaling import dimensions as scaling_dimensions
from local_aws.scaling import evaluator as scaling_evaluator
from local_aws.scaling import targets as scaling_targets
from local_aws.scaling.cloudformation import TYPES
from local_aws.scaling.dimensions import Metric
from local_aws.service import ApiError

PLACE = {
    "ServiceNamespace": "custom-resource", "ResourceId": "shelf/1",
    "ScalableDimension": "custom-resource:ResourceType:Property",
}  # fmt: skip
NOON = 1_893_499_200.0  # 2030-01-01 12:00 UTC


class Shelf:
    """Scalable dimension that the test controls."""

    quantity, default_cooldown = "books", 300.0

    def __init__(self) -> None:
        self.count, self.wanted = 1, 1
        self.reason: str | None = None

    def capacity(self) -> int:
        return self.count

    def changing(self) -> bool:
        return self.wanted != self.count

    def failure(self) -> str | None:
        return self.reason

    def set(self, count: int) -> None:
        self.wanted = count

    def metric(self, predefined: str) -> Metric | None:
        return Metric("Test", "Readers", "Average", 60, {"Shelf": "1"}) if predefined == "Readers" else None

    def observe(self) -> None:
        pass

    def done(self) -> None:
        self.count = self.wanted


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    shelf = Shelf()
    kinds = {(PLACE["ServiceNamespace"], PLACE["ScalableDimension"]): lambda resource_id: shelf}
    monkeypatch.setattr(scaling_dimensions, "_KINDS", kinds)
    monkeypatch.setattr(scaling_api, "require_validated", lambda _: None)  # there is no caller; test_api.py has it
    with request_scope("123456789012", "eu-west-1"):
        yield shelf
        cloudwatch.reset()
        scaling_targets.targets.clear()
        scaling_targets.activities.clear()


def register(minimum: int = 1, maximum: int = 5) -> None:
    scaling_api.register_target({**PLACE, "MinCapacity": minimum, "MaxCapacity": maximum})


def put_policy(name: str = "readers", target: float = 2.0, **configuration: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "Readers"}}
    tracking = {"TargetValue": target, **metric, **configuration}
    return scaling_api.put_policy(
        {
            **PLACE,
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking,
        }
    )


def set_state(policy: dict[str, Any], high: str, low: str = "OK") -> None:
    for alarm, state in zip(policy["Alarms"], (high, low), strict=True):
        cloudwatch._alarms[alarm["AlarmName"]]["StateValue"] = state


def measure(moment: float, value: float) -> None:
    """Put one datapoint in the minute before `moment`."""
    cloudwatch._store_datum("Test", "Readers", {"Shelf": "1"}, moment - 30, "None", value, None, None, None)


def activities() -> list[tuple[str, str, str]]:
    """Activities as (change, first words of the cause, status), oldest first."""
    found = scaling_api.describe_activities(PLACE)["ScalingActivities"]
    return [(one["Description"], one["Cause"], one["StatusCode"]) for one in reversed(found)]


def test_a_policy_s_alarms_are_made_by_aws_s_rules_and_go_with_it(shelf: Shelf) -> None:
    register()
    policy = put_policy()

    high, low = (cloudwatch._alarms[alarm["AlarmName"]] for alarm in policy["Alarms"])
    assert high["AlarmName"].startswith("TargetTracking-shelf/1-AlarmHigh-")
    assert high["AlarmActions"] == low["AlarmActions"] == [policy["PolicyARN"]]
    compared = [(a["ComparisonOperator"], a["Threshold"], a["Period"], a["EvaluationPeriods"]) for a in (high, low)]
    assert compared == [("GreaterThanThreshold", 2.0, 60, 3), ("LessThanThreshold", 1.8, 60, 15)]

    again = put_policy(target=4.0)
    assert again == policy  # the same alarms, with a new threshold
    assert cloudwatch._alarms[high["AlarmName"]]["Threshold"] == 4.0

    scaling_api.delete_policy({**PLACE, "PolicyName": "readers"})
    assert not list(cloudwatch._alarms)


def test_it_scales_out_by_the_metric_and_says_why_when_it_is_done(shelf: Shelf) -> None:
    register()
    policy = put_policy()
    measure(NOON, 7)
    set_state(policy, high="ALARM")

    scaling_evaluator.evaluate(NOON)
    assert shelf.wanted == 4  # 1 × 7 / 2, rounded up
    scaling_evaluator.evaluate(NOON + 1)
    cause = f"monitor alarm {policy['Alarms'][0]['AlarmName']} in state ALARM triggered policy readers"
    assert activities() == [("Setting books to 4.", cause, "InProgress")]

    shelf.done()
    scaling_evaluator.evaluate(NOON + 2)
    assert activities() == [("Setting books to 4.", cause, "Successful")]


def test_a_change_that_fails_is_told_with_its_reason_and_tried_again(shelf: Shelf) -> None:
    register()
    policy = put_policy()
    measure(NOON, 7)
    set_state(policy, high="ALARM")
    scaling_evaluator.evaluate(NOON)

    shelf.wanted, shelf.reason = shelf.count, "no books left"
    scaling_evaluator.evaluate(NOON + 1)
    (failed,) = scaling_api.describe_activities(PLACE)["ScalingActivities"]
    assert (failed["StatusCode"], failed["StatusMessage"]) == (
        "Failed",
        "Failed to set books to 4. Reason: no books left",
    )

    scaling_evaluator.evaluate(NOON + 60)
    assert shelf.wanted == 1
    scaling_evaluator.evaluate(NOON + 61)
    assert shelf.wanted == 4


def test_it_waits_while_somebody_else_changes_the_resource(shelf: Shelf) -> None:
    register()
    policy = put_policy()
    measure(NOON, 7)
    set_state(policy, high="ALARM")
    shelf.wanted = 2

    scaling_evaluator.evaluate(NOON)
    assert (shelf.wanted, activities()) == (2, [])

    shelf.done()
    scaling_evaluator.evaluate(NOON + 1)
    assert shelf.wanted == 5  # 2 × 7 / 2, and no more than 5


def test_of_several_policies_the_largest_capacity_counts_and_all_have_to_agree_to_scale_in(shelf: Shelf) -> None:
    register()
    shelf.count = shelf.wanted = 4
    first, second = put_policy("first"), put_policy("second", target=1.0)
    measure(NOON, 0.4)
    set_state(first, "OK", low="ALARM")

    scaling_evaluator.evaluate(NOON)
    assert shelf.wanted == 4

    set_state(second, "OK", low="ALARM")
    scaling_evaluator.evaluate(NOON + 60)
    assert shelf.wanted == 2  # 4 × 0.4 / 1; the first alone would go to 1


def test_limits_that_were_changed_hold_at_once(shelf: Shelf) -> None:
    register(minimum=3)
    scaling_evaluator.evaluate(NOON)
    assert shelf.wanted == 3
    shelf.done()
    scaling_api.register_target({**PLACE, "MinCapacity": 1, "MaxCapacity": 2})
    scaling_evaluator.evaluate(NOON + 1)
    assert shelf.wanted == 2
    assert [why for _, why, _ in activities()] == ["minimum capacity was set to 3", "maximum capacity was set to 2"]


def test_what_is_suspended_is_not_done(shelf: Shelf) -> None:
    register()
    policy = put_policy()
    measure(NOON, 7)
    set_state(policy, high="ALARM")
    scaling_api.register_target({**PLACE, "SuspendedState": {"DynamicScalingOutSuspended": True}})

    scaling_evaluator.evaluate(NOON)
    assert shelf.wanted == 1


def scheduled(name: str, schedule: str, **limits: int) -> dict[str, Any]:
    return {**PLACE, "ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": limits}


def test_a_scheduled_action_sets_the_limits_at_its_time(shelf: Shelf) -> None:
    register()
    scaling_api.put_scheduled_action(scheduled("morning", "cron(0 12 * * ? *)", MinCapacity=3, MaxCapacity=9))
    action = scaling_targets.targets[(PLACE["ResourceId"], PLACE["ScalableDimension"])].scheduled["morning"]
    action._next = NOON

    scaling_evaluator.evaluate(NOON - 1)
    assert activities() == []
    scaling_evaluator.evaluate(NOON)
    scaling_evaluator.evaluate(NOON + 1)

    assert shelf.wanted == 3
    assert activities() == [
        (
            "Setting min capacity to 3 and max capacity to 9.",
            "scheduled action name morning was triggered",
            "Successful",
        ),
        ("Setting books to 3.", "minimum capacity was set to 3", "InProgress"),
    ]
    (target,) = scaling_api.describe_targets(PLACE)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 9)


@pytest.mark.parametrize(
    ("schedule", "limits", "said"),
    [
        ("cron(0 12 * * *)", {"MinCapacity": 1}, "5 fields"),
        ("at(2020-01-01T00:00:00)", {"MinCapacity": 1}, "never due again"),
        ("rate(1 day)", {"MinCapacity": 3, "MaxCapacity": 2}, "cannot be less than minimum"),
        ("rate(1 day)", {}, "needs ScalableTargetAction"),
    ],
)
def test_a_scheduled_action_that_cannot_be_done_is_refused(
    shelf: Shelf, schedule: str, limits: dict[str, int], said: str
) -> None:
    register()
    with pytest.raises(ApiError, match=said.replace("(", r"\(")):
        scaling_api.put_scheduled_action(scheduled("wrong", schedule, **limits))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PolicyType": "StepScaling"}, "TargetTrackingScaling only"),
        ({"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1}}, "does not support the predefined metric"),
        (
            {
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 1,
                    "CustomizedMetricSpecification": {"Metrics": []},
                }
            },
            "does not support metric math",
        ),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(shelf: Shelf, changes: dict[str, Any], said: str) -> None:
    register()
    with pytest.raises(ApiError, match=said):
        scaling_api.put_policy({**PLACE, "PolicyName": "p", "PolicyType": "TargetTrackingScaling", **changes})


def test_a_dimension_that_is_not_here_is_refused_with_those_that_are(shelf: Shelf) -> None:
    with pytest.raises(ApiError, match=r"local AWS scales custom-resource:ResourceType:Property, but not .* of ecs"):
        scaling_api.register_target({**PLACE, "ServiceNamespace": "ecs", "MinCapacity": 1, "MaxCapacity": 2})


def test_a_template_s_scheduled_actions_are_those_of_its_target_and_no_others(shelf: Shelf) -> None:
    handlers = TYPES["AWS::ApplicationAutoScaling::ScalableTarget"].handlers()

    def properties(*names: str) -> dict[str, Any]:
        actions = [
            {"ScheduledActionName": name, "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": "2"}}
            for name in names
        ]
        return {**PLACE, "MinCapacity": "1", "MaxCapacity": "5", "ScheduledActions": actions}

    identity, _ = handlers["create"]("Target", properties("a", "b"), "stack")
    handlers["update"](identity, properties("a", "b"), properties("b", "c"), "stack")

    found = scaling_api.describe_scheduled_actions(PLACE)["ScheduledActions"]
    assert sorted(action["ScheduledActionName"] for action in found) == ["b", "c"]
    assert found[0]["ScalableTargetAction"] == {"MinCapacity": 2}

    handlers["delete"](identity, properties("b", "c"))
    assert scaling_api.describe_targets({})["ScalableTargets"] == []


class Functions:
    """Fake of local_aws.functions.concurrency."""

    def __init__(self) -> None:
        self.provisioned = {("shop", "live"): 2}

    def get_provisioned(self, function: str, alias: str) -> int:
        return self.provisioned[function, alias]

    def set_provisioned(self, function: str, alias: str, count: int) -> None:
        self.provisioned[function, alias] = count

    def utilization(self, function: str, alias: str) -> float:
        return 0.9


def test_a_function_s_provisioned_concurrency_follows_its_utilisation(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = Functions()
    monkeypatch.setattr(scaling_dimensions, "concurrency", functions)
    monkeypatch.setattr(service_linked_roles, "ensure", lambda _: None)  # of a caller, which a test is not
    kind = "lambda", "lambda:function:ProvisionedConcurrency"
    monkeypatch.setitem(scaling_dimensions._KINDS, kind, scaling_dimensions.FunctionAlias)
    place = {
        "ServiceNamespace": "lambda",
        "ResourceId": "function:shop:live",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
    }
    scaling_api.register_target({**place, "MinCapacity": 1, "MaxCapacity": 10})
    policy = scaling_api.put_policy(
        {
            **place,
            "PolicyName": "busy",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 0.6,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
            },
        }
    )
    high = cloudwatch._alarms[policy["Alarms"][0]["AlarmName"]]
    assert high["Dimensions"] == [
        {"Name": "FunctionName", "Value": "shop"},
        {"Name": "Resource", "Value": "shop:live"},
    ]
    cloudwatch._store_datum(
        high["Namespace"],
        high["MetricName"],
        {"FunctionName": "shop", "Resource": "shop:live"},
        NOON - 30,
        "Count",
        0.9,
        None,
        None,
        None,
    )
    high["StateValue"] = "ALARM"

    scaling_evaluator.evaluate(NOON)
    assert functions.provisioned["shop", "live"] == 3


def test_a_change_that_the_service_refuses_is_a_failed_activity_and_tried_again_a_minute_later(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise ApiError("ResourceLimitExceeded", "the limit is 1")

    register(minimum=2)
    with monkeypatch.context() as full:
        full.setattr(shelf, "set", refuse)
        for _ in range(2):
            scaling_evaluator.evaluate(NOON)
    [(_, _, status)] = activities()
    assert status == "Failed"
    [failed] = scaling_api.describe_activities(PLACE)["ScalingActivities"]
    assert failed["StatusMessage"] == "Failed to set books to 2. Reason: the limit is 1"

    scaling_evaluator.evaluate(NOON + 61)
    assert shelf.wanted == 2
