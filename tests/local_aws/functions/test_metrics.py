"""Output of a function in the embedded metric format becomes metrics; other output does not."""

import json
import time
from typing import Any

import pytest
from ministack.services import cloudwatch

from local_aws.functions import metrics as function_metrics
from tests.local_aws.conftest import Client, make_role
from tests.local_aws.functions.test_concurrency import zipped

EVENT = {
    "_aws": {
        "Timestamp": 0,
        "CloudWatchMetrics": [
            {"Namespace": "Shop", "Dimensions": [["Door"], ["Door", "Day"]], "Metrics": [{"Name": "Visits"}]},
            {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Open", "Unit": "Seconds"}]},
        ],
    },
    "Door": "front", "Day": 5, "Visits": 3, "Open": 1.5,
}  # fmt: skip


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(cloudwatch, "record_metric", lambda *metric: found.append(metric))
    return found


def test_each_metric_is_there_by_each_set_of_dimensions(recorded: list[tuple[Any, ...]]) -> None:
    function_metrics.record(json.dumps(EVENT))
    assert recorded == [
        ("Shop", "Visits", 3, "None", {"Door": "front"}),
        ("Shop", "Visits", 3, "None", {"Door": "front", "Day": "5"}),
        ("Shop", "Open", 1.5, "Seconds", {}),
    ]


@pytest.mark.parametrize("line", ["", "text", "{}", "[]", "5", '{"_aws": 1}', "START RequestId: x"])
def test_another_line_is_none(recorded: list[tuple[Any, ...]], line: str) -> None:
    function_metrics.record(line)
    assert recorded == []


@pytest.mark.parametrize("may_log", [True, False])
def test_it_comes_by_way_of_the_log_that_the_role_may_write(client: Client, may_log: bool) -> None:
    name = f"counting-{may_log}"
    logs = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    role = make_role(client, name, "lambda.amazonaws.com", *([logs] if may_log else []))
    line = json.dumps({**EVENT, "Door": name})
    client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="f.handler",
        Code={"ZipFile": zipped(f"def handler(event, context): print({line!r})")},
    )  # fmt: skip

    client("lambda").invoke(FunctionName=name)

    found = client("cloudwatch").get_metric_statistics(
        Namespace="Shop", MetricName="Visits", Dimensions=[{"Name": "Door", "Value": name}], Period=3600,
        StartTime=time.time() - 600, EndTime=time.time() + 60, Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    assert sum(point["Sum"] for point in found) == (3 if may_log else 0)
