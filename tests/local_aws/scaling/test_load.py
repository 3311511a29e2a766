"""A step load scales an endpoint out, and its end scales it in, without a failed request (fast clock)."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.toy_endpoint import model_archive, push
from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from tests.local_aws.conftest import Client, clients, make_role
from tests.local_aws.sagemaker.test_endpoints import settle
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.long]

FACTOR = 120.0  # 15 minutes below the target then take 7.5 seconds
ENDPOINT = "stepped"
RESOURCE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"endpoint/{ENDPOINT}/variant/live",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = Home(tmp_path_factory.mktemp("fast"))
    up(home, tied=True, time_factor=FACTOR)
    yield read_env(home.env_file)
    down(home)


@pytest.fixture(scope="module")
def client(variables: dict[str, str]) -> Client:
    return clients(variables)


@pytest.fixture(scope="module")
def endpoint(client: Client, variables: dict[str, str]) -> str:
    client("s3").create_bucket(Bucket="workshop")
    role = make_role(
        client,
        "host",
        "sagemaker.amazonaws.com",
        {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::workshop/*"},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
        {"Action": "ecr:*", "Resource": "*"},
    )
    client("s3").put_object(Bucket="workshop", Key="model.tar.gz", Body=model_archive(name="slow", seconds=2.0))
    client("sagemaker").create_model(
        ModelName="slow",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": push(client, variables), "ModelDataUrl": "s3://workshop/model.tar.gz"},
        EnableNetworkIsolation=True,
    )
    variant = {"VariantName": "live", "ModelName": "slow", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client("sagemaker").create_endpoint_config(EndpointConfigName="slow", ProductionVariants=[variant])
    client("sagemaker").create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="slow")
    assert settle(client, ENDPOINT)["EndpointStatus"] == "InService"
    scaling = client("application-autoscaling")
    scaling.register_scalable_target(**RESOURCE, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(
        **RESOURCE,
        PolicyName="in-flight",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 2.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
            },
            "ScaleOutCooldown": 30,
            "ScaleInCooldown": 60,
        },
    )
    return ENDPOINT


class Load:
    """Closed-loop load by `callers` threads until `stop`; every answer and error is recorded."""

    def __init__(self, client: Client, callers: int) -> None:
        self.answers: list[str] = []
        self.errors: list[Exception] = []
        self._client, self._callers, self._stop = client("sagemaker-runtime"), callers, threading.Event()

    def __enter__(self) -> "Load":
        self._pool = ThreadPoolExecutor(self._callers)
        for _ in range(self._callers):
            self._pool.submit(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def _call(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._client.invoke_endpoint(EndpointName=ENDPOINT, Body=b"x")
                self.answers.append(answer["Body"].read().decode())
            except Exception as error:
                self.errors.append(error)


def activities(client: Client, count: int) -> list[dict[str, Any]]:
    """Wait until `count` scaling activities have ended; returns them, oldest first."""

    def over() -> list[dict[str, Any]]:
        found = client("application-autoscaling").describe_scaling_activities(ServiceNamespace="sagemaker")
        return [activity for activity in found["ScalingActivities"] if "EndTime" in activity]

    until(lambda: len(over()) >= count, told=lambda: over())
    return over()[::-1]


def test_a_step_load_scales_out_and_its_end_scales_in_without_an_error(
    client: Client, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start = datetime.now(UTC)
    with Load(client, callers=8) as load:
        (out,) = activities(client, 1)
        served = len(load.answers)
        while len(load.answers) < served + 20 and not load.errors:
            time.sleep(0.05)
    with Load(client, callers=1) as rest:  # low enough for one instance while the other drains
        _, back_in = activities(client, 2)

    assert load.errors == rest.errors == []
    assert set(load.answers + rest.answers) == {"slow says None"}
    assert out["Description"] == "Setting desired instance count to 2."
    assert "AlarmHigh" in out["Cause"] and "triggered policy in-flight" in out["Cause"]
    assert back_in["Description"] == "Setting desired instance count to 1."
    assert "AlarmLow" in back_in["Cause"]
    assert {out["StatusCode"], back_in["StatusCode"]} == {"Successful"}
    with capsys.disabled():
        decided, serving = ((out[name] - start).total_seconds() for name in ("StartTime", "EndTime"))
        print(
            f"\nstep load to decision {decided:.1f} s ({decided * FACTOR:.0f} s of AWS's), "
            f"to a second instance serving {serving:.1f} s; {len(load.answers + rest.answers)} requests, none lost"
        )


def test_the_alarms_that_made_it_are_cloudwatch_s_own(client: Client, endpoint: str) -> None:
    (policy,) = client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")[
        "ScalingPolicies"
    ]
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    found = client("cloudwatch").describe_alarms(AlarmNamePrefix=f"TargetTracking-endpoint/{endpoint}/")["MetricAlarms"]

    assert sorted(names) == sorted(alarm["AlarmName"] for alarm in found)
    high = next(alarm for alarm in found if "AlarmHigh" in alarm["AlarmName"])
    assert (high["MetricName"], high["Period"], high["EvaluationPeriods"]) == ("ConcurrentRequestsPerModel", 10, 3)
    history = client("cloudwatch").describe_alarm_history(AlarmName=high["AlarmName"])["AlarmHistoryItems"]
    assert any("from OK to ALARM" in item["HistorySummary"] for item in history)


def test_a_scheduled_action_is_done_at_its_time_and_not_sooner(client: Client, endpoint: str) -> None:
    scaling = client("application-autoscaling")
    due = (datetime.now(UTC) + timedelta(seconds=15)).replace(microsecond=0)
    scaling.put_scheduled_action(
        **RESOURCE,
        ScheduledActionName="evening",
        Schedule=f"at({due:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1},
    )
    *_, last = activities(client, 3)

    assert last["Cause"] == "scheduled action name evening was triggered"
    assert last["Description"] == "Setting min capacity to 1 and max capacity to 1."
    assert last["StartTime"] >= due
