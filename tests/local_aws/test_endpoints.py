"""Endpoints run the archive's own Ray Serve application, and an update never leaves a caller without an answer."""

import io
import tarfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Client, make_role

pytestmark = pytest.mark.e2e

CONFIG = "applications: [{name: toy, route_prefix: /, import_path: 'deployment:app'}]"
ANSWERS = """
from ray import serve
from starlette.responses import PlainTextResponse

@serve.deployment
class Toy:
    async def __call__(self, request):
        body = (await request.body()).decode()
        status = {"bad": 400, "broken": 500}.get(body, 200)
        name = "X-Amzn-SageMaker-Custom-Attributes"
        headers = {name: request.headers.get(name, ""), "X-Other": "x"}
        return PlainTextResponse("%s says " + request.headers["content-type"], status_code=status, headers=headers)

app = Toy.bind()
"""


def archive(**files: str) -> bytes:
    """A model.tar.gz; `a__b` in a name stands for `a.b`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def make_config(client: Client, bucket: str) -> Any:
    """An endpoint configuration for an archive; returns its name."""
    role = make_role(
        client,
        "host",
        "sagemaker.amazonaws.com",
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/models/*"},
        {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    )

    def make(name: str, content: bytes | None) -> str:
        key = f"models/{name}/model.tar.gz"
        if content is not None:
            client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        client("sagemaker").create_model(
            ModelName=name,
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": "registry/ray:serve", "ModelDataUrl": f"s3://{bucket}/{key}"},
            EnableNetworkIsolation=True,
        )
        variant = {"VariantName": "live", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    return make


def settle(client: Client, name: str) -> dict[str, Any]:
    """The endpoint's description once it is not changing any more."""
    for _ in range(600):
        endpoint: dict[str, Any] = client("sagemaker").describe_endpoint(EndpointName=name)
        if endpoint["EndpointStatus"] in ("InService", "Failed"):
            return endpoint
        time.sleep(0.2)
    raise AssertionError(f"{name} did not settle")


@pytest.fixture(scope="module")
def endpoint(client: Client, make_config: Any) -> Iterator[str]:
    config = make_config("first", archive(config__yaml=CONFIG, deployment__py=ANSWERS % "first"))
    client("sagemaker").create_endpoint(EndpointName="toy", EndpointConfigName=config)
    assert settle(client, "toy")["EndpointStatus"] == "InService"
    yield "toy"
    client("sagemaker").delete_endpoint(EndpointName="toy")


def invoke(client: Client, body: str) -> str:
    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName="toy", ContentType="text/x-toy", Body=body)
    return str(answer["Body"].read().decode())


def test_it_answers_with_what_the_archive_s_application_says(client: Client, endpoint: str) -> None:
    assert invoke(client, "hello") == "first says text/x-toy"


def test_custom_attributes_go_to_the_application_and_come_back_from_it(client: Client, endpoint: str) -> None:
    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"", CustomAttributes="k=3")
    assert answer["CustomAttributes"] == "k=3"
    assert "x-other" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(("body", "status"), [("bad", 400), ("broken", 500)])
def test_the_application_s_own_errors_reach_the_caller_as_model_errors(
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
        ("crashes", archive(config__yaml=CONFIG, deployment__py="1/0"), "ping health check"),
        ("escapes", archive(**{"../outside": "x"}), "Failed to extract"),
        ("empty", archive(other="x"), "no config.yaml"),
        ("nothing", None, "Failed to download"),
        ("wants-more", archive(**{"config__yaml": CONFIG, "code/requirements__txt": "leftpad==1"}), "leftpad==1"),
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
    config = make_config("second", archive(config__yaml=CONFIG, deployment__py=ANSWERS % "second"))
    answers: list[str] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            answers.append(invoke(client, "hello").split()[0])

    caller = threading.Thread(target=call)
    caller.start()
    client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    settle(client, endpoint)
    seen = len(answers)
    while len(answers) < seen + 3:
        time.sleep(0.01)
    done.set()
    caller.join()

    assert answers == sorted(answers)  # first … first second … second
    assert {answers[0], answers[-1]} == {"first", "second"}
