"""Start-up time of the classify function beside the original's, its overhead per call, and cold starts under load.

- Start: milliseconds to import the handler's module and create its client, in fresh processes, alternately, after the
  imports of Lambda's runtime. As in Lambda, the function's own modules have no bytecode; Python's and boto3's have.
- Warm overhead: p50 of the handler for a 60 KB image, less that of a bare HTTP request with the same bytes to the same
  server on loopback.
- Cold starts: among calls on local AWS by as many clients at once as there is provisioned concurrency.
"""

import base64
import contextlib
import http.client
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3

from bench.own_aws import own_aws
from bench.result import BenchmarkResult
from bench.stand_in_endpoint import stand_in_endpoint

GOAL = 2.5  # at most 40 % of the original's time
MAX_OVERHEAD_MS = 5.0
ROUNDS, CALLS = 15, 400
CLIENTS, STEP_SECONDS = 4, 5.0
_FUNCTION = Path(__file__).parent.parent / "lambda" / "classify"
_ORIGINAL = Path(__file__).parent / "peers" / "original_handler.py"
IMAGE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 235  # 60 KB with the first bytes of a JPEG
_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "ENDPOINT_NAME": "stand-in",
    "ENDPOINT_TIMEOUT_SECONDS": "14",
    "MAX_IMAGE_BYTES": str(4 * 2**20),
    "S3_IMAGES": "",
    "URL_HOSTS": "*",
    "URL_SUFFIX": "amazonaws.com",
}
_TIMED = """
import importlib, json, logging, os, sys, time, traceback
start = time.perf_counter()
import {module}
{then}
print(1000 * (time.perf_counter() - start))
"""


def run() -> BenchmarkResult:
    ours, peer = _starts()
    handler, direct, boto3s = _warm()
    overhead = handler - direct
    calls, cold = _cold_starts()
    note = (
        f"warm p50 {overhead:.2f} ms over a bare request's {direct:.2f} (limit {MAX_OVERHEAD_MS}; boto3's call"
        f" {boto3s - direct:.2f}); {cold} cold starts in {calls} calls of {CLIENTS} clients on {CLIENTS} provisioned"
        " (limit 0); peer: the original's handler, a boto3 client at import"
    )
    holds = overhead <= MAX_OVERHEAD_MS and cold == 0 and calls > 0
    return BenchmarkResult(
        "lambda-init", round(ours, 1), round(peer, 1), "ms", round(peer / ours, 3), GOAL, note, holds
    )


def _starts() -> tuple[float, float]:
    """Median start-up time in milliseconds of our function and of the original's."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_FUNCTION, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(_ORIGINAL, folder)
        scripts = (
            _TIMED.format(module="classify", then="classify._endpoint()"),
            _TIMED.format(module="original_handler", then=""),
        )
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS + 1):
            for times, script in zip(taken, scripts, strict=True):
                milliseconds = _process(script, folder)
                if number:
                    times.append(milliseconds)
    return statistics.median(taken[0]), statistics.median(taken[1])


def _process(script: str, folder: str) -> float:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, **_ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1", "HOME": folder}
    command = [sys.executable, "-c", script]
    return float(subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment).stdout)


def _warm() -> tuple[float, float, float]:
    """p50 in milliseconds of the handler, of a bare request and of boto3's call, called alternately."""
    with stand_in_endpoint() as port, _as_the_function(f"http://127.0.0.1:{port}") as handler:
        context = SimpleNamespace(
            function_name="classify", aws_request_id="r", get_remaining_time_in_millis=lambda: 30_000
        )
        event = {"image": base64.b64encode(IMAGE).decode()}
        connection = http.client.HTTPConnection("127.0.0.1", port)
        client = boto3.client("sagemaker-runtime")

        def ours() -> None:
            assert handler(event, context)["statusCode"] == 200

        def bare() -> None:
            connection.request("POST", "/endpoints/stand-in/invocations", IMAGE, {"Content-Type": "image/jpeg"})
            assert connection.getresponse().read()

        def boto3s() -> None:
            client.invoke_endpoint(EndpointName="stand-in", ContentType="image/jpeg", Body=IMAGE)["Body"].read()

        taken: tuple[list[float], ...] = ([], [], [])
        pairs = list(zip(taken, (ours, bare, boto3s), strict=True))
        for number in range(CALLS):
            first = number % len(pairs)  # rotate the order, which affects the caches
            for times, call in pairs[first:] + pairs[:first]:
                start = time.perf_counter()
                call()
                times.append(1000 * (time.perf_counter() - start))
    handlers, bares, boto3ss = map(statistics.median, taken)
    return handlers, bares, boto3ss


@contextlib.contextmanager
def _as_the_function(endpoint: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """Handler in the environment of Lambda, with its output discarded."""
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT, AWS_ENDPOINT_URL=endpoint)
    sys.path.insert(0, str(_FUNCTION))
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            import classify

            yield classify.handler
    finally:
        sys.path.remove(str(_FUNCTION))
        os.environ.clear()
        os.environ.update(before)


def _cold_starts() -> tuple[int, int]:
    """Number of calls, and number of cold starts among them."""
    with own_aws(), stand_in_endpoint(seconds=0.05) as port:
        make_function(f"http://127.0.0.1:{port}")
        with ThreadPoolExecutor(CLIENTS) as clients:
            calls = sum(clients.map(_call_until, [time.monotonic() + STEP_SECONDS] * CLIENTS))
        served = _metric("ProvisionedConcurrencyInvocations")
        assert served + _metric("ProvisionedConcurrencySpilloverInvocations") == calls
        return calls, calls - served


def _client(service: str) -> Any:
    return boto3.session.Session().client(service)  # not boto3's own session, which threads cannot share


def make_function(endpoint: str) -> None:
    """Create the function and its alias with provisioned concurrency for all clients, and wait until it is ready."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        for path in _FUNCTION.glob("*.py"):
            archive.write(path, path.name)
    principal = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [principal]})
    role = _client("iam").create_role(RoleName="classify", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    own = {name: value for name, value in _ENVIRONMENT.items() if not name.startswith("AWS_")}
    api = _client("lambda")
    api.create_function(
        FunctionName="classify",
        Runtime="python3.14",
        Role=role,
        Handler="classify.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=30,
        Environment={"Variables": {**own, "AWS_ENDPOINT_URL": endpoint}},
    )
    version = api.publish_version(FunctionName="classify")["Version"]
    api.create_alias(FunctionName="classify", Name="live", FunctionVersion=version)
    alias = {"FunctionName": "classify", "Qualifier": "live"}
    api.put_provisioned_concurrency_config(**alias, ProvisionedConcurrentExecutions=CLIENTS)
    while (status := api.get_provisioned_concurrency_config(**alias)["Status"]) != "READY":
        assert status == "IN_PROGRESS", status
        time.sleep(0.05)


def _call_until(end: float) -> int:
    """Call the function sequentially until `end`; returns the number of calls."""
    api, calls = _client("lambda"), 0
    payload = json.dumps({"image": base64.b64encode(IMAGE).decode()})
    while time.monotonic() < end:
        answer = json.loads(api.invoke(FunctionName="classify", Qualifier="live", Payload=payload)["Payload"].read())
        assert answer["statusCode"] == 200, answer
        calls += 1
    return calls


def _metric(name: str) -> int:
    found = _client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": "classify"}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return round(sum(point["Sum"] for point in found))
