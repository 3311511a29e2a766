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
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.responses import request_scope

from local_aws.home import Home, read_env
from local_aws.ports import free_port
from local_aws.sagemaker import endpoint_metrics, invocation
from tests.lambda_.servers import serving
from tests.local_aws.conftest import Client

CLASSIFY = Path(__file__).parents[3] / "lambda" / "classify"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60


@pytest.fixture
def account() -> Iterator[None]:
    with request_scope("123456789012", "eu-west-1"):
        yield
        endpoint_metrics._periods.clear()
        endpoint_metrics._last_traffic.clear()


def endpoint(url: str) -> Any:
    """Fake endpoint with one instance, whose replica is expected at `url`."""
    instance = SimpleNamespace(url=url, in_flight=0, config_name="config", capture=None)
    return SimpleNamespace(
        name="shop", variant_name="live", arn="arn:shop", instances=[instance], next_instance=lambda: instance
    )


def original_status(url: str) -> int:
    """OriginalStatusCode of the ModelError that a call returns."""

    async def invoke() -> Any:
        try:
            return await invocation._invoke(endpoint(url), {}, b"", 0)
        finally:
            await invocation._http().close()
            invocation._session = None

    status, headers, content = asyncio.run(invoke())
    assert (status, headers["x-amzn-errortype"]) == (424, "ModelError")
    return int(json.loads(content)["OriginalStatusCode"])


def test_a_replica_that_is_gone_is_the_adapter_s_503(account: None) -> None:
    assert original_status(f"http://127.0.0.1:{free_port()}") == 503


def test_a_replica_that_breaks_off_is_none_that_is_gone(account: None) -> None:
    def cut(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.close_connection = True

    with serving(cut) as server:
        assert original_status(f"http://127.0.0.1:{server.server_address[1]}") == 500


def test_a_replica_that_is_late_is_given_up(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_LIMIT_SECONDS", 0.1)
    with serving(lambda handler, body: time.sleep(0.5)) as server:
        assert original_status(f"http://127.0.0.1:{server.server_address[1]}") == 504


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
