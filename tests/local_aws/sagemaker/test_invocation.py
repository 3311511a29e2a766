"""InvokeEndpoint fails as on AWS when no model answers, and the function maps the error for its caller."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import socket
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.responses import request_scope

from local_aws.home import Home, read_env
from local_aws.ports import free_port
from local_aws.sagemaker import endpoint_instance, endpoint_metrics, invocation
from local_aws.sagemaker.endpoint_instance import EndpointInstance
from tests.lambda_.servers import serving
from tests.local_aws.conftest import Client

CLASSIFY = Path(__file__).parents[3] / "lambda" / "classify"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with request_scope("123456789012", "eu-west-1"):
        yield
        endpoint_metrics._periods.clear()
        endpoint_metrics._last_traffic.clear()


def original_status(port: int) -> int:
    """OriginalStatusCode of the ModelError that a call returns, of an instance whose container listens at `port`."""

    async def invoke() -> Any:
        instance = EndpointInstance("i-1", "ml.m5.large", {}, SimpleNamespace(), "config")  # type: ignore[arg-type]
        instance._container = SimpleNamespace(address=("127.0.0.1", port), make_socket=socket)  # type: ignore[assignment]
        endpoint: Any = SimpleNamespace(
            name="shop", variant_name="live", arn="arn:shop", instances=[instance], next_instance=lambda: instance
        )
        try:
            return await invocation._invoke(endpoint, {}, b"", 0)
        finally:
            assert instance._calls
            await instance._calls.close()

    status, headers, content = asyncio.run(invoke())
    assert (status, headers["x-amzn-errortype"]) == (424, "ModelError")
    return int(json.loads(content)["OriginalStatusCode"])


def test_a_container_that_listens_no_more_gives_no_answer(account: None) -> None:
    assert original_status(free_port()) == 0


def test_a_container_that_breaks_off_gives_no_answer(account: None) -> None:
    def cut(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.close_connection = True

    with serving(cut) as server:
        assert original_status(server.server_address[1]) == 0


def test_a_container_that_is_late_is_given_up(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 60 s: "InvokeEndpoint", SageMaker Runtime API reference."""
    monkeypatch.setattr(endpoint_instance, "_CALL_SECONDS", 0.1)
    with serving(lambda handler, body: time.sleep(0.5)) as server:
        assert original_status(server.server_address[1]) == 0


def test_more_than_sagemaker_takes_is_refused_before_any_endpoint_is_asked(client: Client) -> None:
    with pytest.raises(ClientError) as refused:
        client("sagemaker-runtime").invoke_endpoint(EndpointName="deleted", Body=bytes(30 * 2**20))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "the limit is 26214400" in str(refused.value)


def test_an_endpoint_that_was_deleted_is_unavailable_to_the_function_s_caller(client: Client, home: Home) -> None:
    with pytest.raises(ClientError, match="Endpoint deleted of account not found") as refused:
        client("sagemaker-runtime").invoke_endpoint(EndpointName="deleted", Body=b"")
    assert refused.value.response["Error"]["Code"] == "ValidationError"

    event = json.dumps({"image": base64.b64encode(JPEG).decode()})
    context = "types.SimpleNamespace(get_remaining_time_in_millis=lambda: 20000, function_name='f', aws_request_id='r')"
    code = f"import classify, json, types; print(json.dumps(classify.handler({event}, {context})))"
    settings = {
        "ENDPOINT_NAME": "deleted", "ENDPOINT_TIMEOUT_SECONDS": "5", "MAX_IMAGE_BYTES": "1000", "S3_IMAGES": "",
        "URL_HOSTS": "", "URL_SUFFIX": "amazonaws.com",
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CLASSIFY, env={**os.environ, **read_env(home.env_file), **settings}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout.splitlines()[-1])
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (502, "EndpointUnavailable")
