"""Endpoints run the model's image, and updates cause no downtime."""

import base64
import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from bench.toy_endpoint import archive, model_archive, push
from local_aws.home import Home, read_env
from local_aws.running import current, processes
from tests.local_aws.conftest import Client, make_role
from tests.waiting import until

pytestmark = pytest.mark.e2e

ALARM = "toy-model-errors"
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": 1800,  # far longer than detecting a failing model takes
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": ALARM}]},
}


@pytest.fixture(scope="module")
def image(client: Client, home: Home) -> str:
    return push(client, read_env(home.env_file))


@pytest.fixture(scope="module")
def make_config(client: Client, bucket: str, image: str) -> Any:
    """Create an endpoint configuration for an archive; returns its name."""
    role = make_role(
        client,
        "host",
        "sagemaker.amazonaws.com",
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/models/*"},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
        {"Action": "cloudwatch:DescribeAlarms", "Resource": f"arn:aws:cloudwatch:*:*:alarm:{ALARM}"},
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/capture/*"},
        {"Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "Resource": "arn:aws:ecr:*:*:repository/toys"},
    )
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }

    def make(name: str, content: bytes | None, instances: int = 1, captures: bool = False, image: str = image) -> str:
        key = f"models/{name}/model.tar.gz"
        if content is not None:
            client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        client("sagemaker").create_model(
            ModelName=name,
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": image, "ModelDataUrl": f"s3://{bucket}/{key}"},
            EnableNetworkIsolation=True,
        )
        client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "live",
                    "ModelName": name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": instances,
                }
            ],
            **({"DataCaptureConfig": capture} if captures else {}),
        )
        return name

    return make


def settle(client: Client, name: str) -> dict[str, Any]:
    """Wait until the endpoint has stopped changing; returns its description."""

    def over() -> dict[str, Any]:
        endpoint: dict[str, Any] = client("sagemaker").describe_endpoint(EndpointName=name)
        return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else {}

    return until(over)


@pytest.fixture(scope="module")
def endpoint(client: Client, make_config: Any) -> Iterator[str]:
    config = make_config("first", model_archive(name="first"))
    client("sagemaker").create_endpoint(EndpointName="toy", EndpointConfigName=config, DeploymentConfig=CANARY)
    assert settle(client, "toy")["EndpointStatus"] == "InService"
    yield "toy"
    client("sagemaker").delete_endpoint(EndpointName="toy")


def invoke(client: Client, body: str) -> str:
    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName="toy", ContentType="text/x-toy", Body=body)
    return str(answer["Body"].read().decode())


def test_a_name_that_is_taken_is_refused_before_anything_starts(client: Client, endpoint: str) -> None:
    with pytest.raises(ClientError, match="already existing"):
        client("sagemaker").create_endpoint(EndpointName=endpoint, EndpointConfigName="first")
    assert invoke(client, "hello").startswith("first")


def test_an_update_needs_both_fleets_of_the_quota_and_scaling_what_it_adds(
    client: Client, endpoint: str, make_config: Any
) -> None:
    """ "Blue/green deployments", SageMaker developer guide: the new fleet starts beside the old one. Both calls have
    ResourceLimitExceeded among their errors in the API reference."""
    make_config("hundred", None, instances=100)
    used = r"'ml.m5.large for endpoint usage' is 100 Instances, with current utilization of [1-9]\d* Instances"
    with pytest.raises(ClientError, match=f"ResourceLimitExceeded.*{used} and a request delta of 100 "):
        client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName="hundred")
    desired = {"VariantName": "live", "DesiredInstanceCount": 101}
    with pytest.raises(ClientError, match=f"ResourceLimitExceeded.*{used} and a request delta of 100 "):
        client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[desired]
        )
    assert settle(client, endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 1


def test_a_deployment_by_an_alarm_that_is_not_there_is_refused(client: Client, endpoint: str) -> None:
    with pytest.raises(ClientError, match="Could not find CloudWatch alarms: nobody"):
        client("sagemaker").update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName="first",
            DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobody"}]}},
        )


def test_it_answers_with_what_the_container_says(client: Client, endpoint: str) -> None:
    assert invoke(client, "hello") == "first says text/x-toy"


def servers(home: Home) -> list[psutil.Process]:
    """Processes of the toys' servers, inside and outside of their sandboxes."""
    run = current(home)
    assert run
    found = []
    for process in processes(run):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [process] if "server.py" in " ".join(process.cmdline()) else []
    return found


def test_a_server_that_is_killed_is_started_again(client: Client, home: Home, endpoint: str) -> None:
    """ "Instances that fail are replaced": "Best practices for deploying models", SageMaker developer guide."""
    killed = servers(home)
    assert killed
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended with the one before
            process.kill()

    until(lambda: answers(client) and not {*killed} & {*servers(home)})
    assert client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


@pytest.mark.long
def test_a_server_that_hangs_is_started_again(client: Client, home: Home, endpoint: str) -> None:
    """A ping has to be answered within 2 s ("How Your Container Should Respond to Health Check (Ping) Requests",
    SageMaker developer guide)."""
    hung = servers(home)
    assert hung
    for process in hung:
        process.suspend()

    until(lambda: not {*hung} & {*servers(home)} and answers(client))


def answers(client: Client) -> bool:
    try:
        return invoke(client, "hello") == "first says text/x-toy"
    except ClientError:
        return False


def test_custom_attributes_go_to_the_container_and_come_back_from_it(client: Client, endpoint: str) -> None:
    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"", CustomAttributes="k=3")
    assert answer["CustomAttributes"] == "k=3"
    assert "x-other" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(("body", "status"), [("bad", 400), ("broken", 500)])
def test_the_container_s_own_errors_reach_the_caller_as_model_errors(
    client: Client, endpoint: str, body: str, status: int
) -> None:
    with pytest.raises(ClientError) as error:
        invoke(client, body)
    assert error.value.response["Error"]["Code"] == "ModelError"
    assert error.value.response["OriginalStatusCode"] == status  # type: ignore[typeddict-item]
    assert error.value.response["OriginalMessage"] == "first says text/x-toy"  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("crashes", archive({"toy.json": "{"}), "ping health check"),
        ("escapes", archive({"../outside": "x"}), "Failed to extract"),
        ("cut", model_archive(name="cut")[:60], "it is truncated"),
        ("empty", archive({"other": "x"}), "toy.json"),
        ("nothing", None, "Failed to download"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_update_that_does_not_come_up_keeps_the_old_model_serving(
    client: Client, endpoint: str, make_config: Any, name: str, content: bytes | None, reason: str
) -> None:
    client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=make_config(name, content))

    settled = settle(client, endpoint)
    assert settled["EndpointStatus"] == "InService"
    assert settled["EndpointConfigName"] == "first"
    assert reason in settled["FailureReason"]
    assert invoke(client, "hello").startswith("first")


def test_an_update_switches_without_an_error_to_a_caller(client: Client, endpoint: str, make_config: Any) -> None:
    content = model_archive(name="second")
    config = make_config("second", content, instances=2, captures=True)
    answers: list[str] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            answers.append(invoke(client, "hello").split()[0])

    caller = threading.Thread(target=call)
    caller.start()
    until(lambda: answers)
    client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    settle(client, endpoint)
    seen = len(answers)
    until(lambda: len(answers) >= seen + 3)
    done.set()
    caller.join()

    assert answers == sorted(answers)  # first … first second … second
    assert {answers[0], answers[-1]} == {"first", "second"}


def test_calls_are_captured_as_the_endpoint_s_configuration_says(client: Client, bucket: str, endpoint: str) -> None:
    status = client("sagemaker").describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]["CaptureStatus"]
    assert status == "Started"
    invoke(client, "capture me")
    sent, answered = captured(client, bucket)
    assert sent == ("text/x-toy", b"capture me")
    assert answered[1] == b"second says text/x-toy"


def captured(client: Client, bucket: str) -> list[tuple[str, bytes]]:
    """Find the captured request that contains "capture me"; returns type and content of it and of its answer."""

    def look() -> list[tuple[str, bytes]]:
        for item in client("s3").list_objects_v2(Bucket=bucket, Prefix="capture/toy/live/").get("Contents", []):
            lines = client("s3").get_object(Bucket=bucket, Key=item["Key"])["Body"].read().splitlines()
            for line in map(json.loads, lines):
                sides = [line["captureData"][side] for side in ("endpointInput", "endpointOutput")]
                contents = [(side["observedContentType"], base64.b64decode(side["data"])) for side in sides]
                if contents[0][1] == b"capture me":
                    return contents
        return []

    return until(look)


def test_a_model_that_fails_at_run_time_costs_no_more_than_the_canary_s_calls(
    client: Client, endpoint: str, make_config: Any
) -> None:
    config = make_config("fails", model_archive(name="fails", fails=True), instances=2)
    client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "live"},
            {"Name": "EndpointConfigName", "Value": config},
        ],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    failed: list[bool] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            try:
                failed.append(not invoke(client, "hello").startswith("second"))
            except ClientError:
                failed.append(True)

    client("sagemaker").update_endpoint(
        EndpointName=endpoint, EndpointConfigName=config, DeploymentConfig=CANARY, RetainAllVariantProperties=True
    )
    with pytest.raises(ClientError, match="while it is Updating"):
        client("sagemaker").delete_endpoint(EndpointName=endpoint)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName="first")
    pending = client("sagemaker").describe_endpoint(EndpointName=endpoint)["PendingDeploymentSummary"]
    caller = threading.Thread(target=call)
    caller.start()  # not sooner: its calls end the update
    settled = settle(client, endpoint)
    seen = len(failed)
    until(lambda: len(failed) >= seen + 10)
    done.set()
    caller.join()

    assert pending["EndpointConfigName"] == "fails"
    assert (settled["EndpointStatus"], settled["EndpointConfigName"]) == ("InService", "second")
    assert ALARM in settled["FailureReason"]
    assert settled["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert any(failed)
    assert not any(failed[seen + 1 :])  # one call may have been in flight
    # Half of the instances that receive calls are new, round robin: no two consecutive calls go to the new model.
    assert not any(all(both) for both in itertools.pairwise(failed))


def test_a_canary_of_a_single_instance_is_refused(client: Client, endpoint: str) -> None:
    with pytest.raises(ClientError, match="at most half"):
        client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName="first", DeploymentConfig=CANARY)
    assert client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("pulled", "reason"),
    [
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/toys:gone", "Failed to pull the image"),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/other:1", "not authorized to perform: ecr:BatchGetImage"),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/toys:amd64", "no registry but its own"),
    ],
)
def test_an_image_that_its_role_cannot_pull_fails_the_endpoint_with_the_reason(
    client: Client, make_config: Any, pulled: str, reason: str
) -> None:
    name = "pull-" + re.sub(r"\W", "-", pulled)[-20:]
    config = make_config(name, model_archive(name="x"), image=pulled)
    client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert reason in settle(client, name)["FailureReason"]
    client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_image_of_another_architecture_does_not_start(client: Client, home: Home, make_config: Any) -> None:
    image = push(client, read_env(home.env_file), architecture="arm64")
    config = make_config("arm", model_archive(name="arm"), image=image)
    client("sagemaker").create_endpoint(EndpointName="arm", EndpointConfigName=config)
    assert "built for arm64, ml.m5.large is amd64" in settle(client, "arm")["FailureReason"]
    client("sagemaker").delete_endpoint(EndpointName="arm")
