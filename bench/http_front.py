"""A call through the HTTP API beside the bare invocation of the same function, on a local AWS.

p50 of a 60 KB image over one connection that is kept open, called alternately and signed by the same client. The
endpoint is a stand-in that answers at once.
"""

import base64
import http.client
import json
import os
import ssl
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from bench.lambda_init import IMAGE, make_function
from bench.own_aws import own_aws
from bench.result import BenchmarkResult
from bench.stand_in_endpoint import stand_in_endpoint

MAX_OVERHEAD_MS = 20.0
CALLS = 300


def run() -> BenchmarkResult:
    with own_aws(), stand_in_endpoint() as port:
        make_function(f"http://127.0.0.1:{port}")
        through_api, invoked = _medians(_make_api())
    overhead = through_api - invoked
    note = f"p50 {through_api:.1f} ms through the API, {invoked:.1f} by Invoke; peer: the limit of what it may add"
    ratio = round(MAX_OVERHEAD_MS / max(overhead, 0.1), 3)
    return BenchmarkResult("http-front", round(overhead, 1), MAX_OVERHEAD_MS, "ms", ratio, 1.0, note)


def _make_api() -> str:
    """Make an API for signed requests as stacks/http_front.py does; returns its address."""
    gateway, functions = boto3.client("apigatewayv2"), boto3.client("lambda")
    alias = functions.get_alias(FunctionName="classify", Name="live")["AliasArn"]
    api = gateway.create_api(Name="bench", ProtocolType="HTTP")
    named = {"ApiId": api["ApiId"]}
    integration = gateway.create_integration(
        **named, IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(
        **named, RouteKey="POST /classify", Target=f"integrations/{integration}", AuthorizationType="AWS_IAM"
    )
    gateway.create_stage(**named, StageName="$default", AutoDeploy=True)
    account = boto3.client("sts").get_caller_identity()["Account"]
    functions.add_permission(
        FunctionName="classify",
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{os.environ['AWS_REGION']}:{account}:{api['ApiId']}/*/POST/classify",
    )
    return f"{api['ApiEndpoint']}/classify"


def _medians(url: str) -> tuple[float, float]:
    """p50 in milliseconds through the API and by Invoke, both by the same bare client."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    invoke = f"{endpoint}/2015-03-31/functions/classify/invocations?Qualifier=live"
    event = json.dumps({"image": base64.b64encode(IMAGE).decode()}).encode()
    trusted = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    # To the server's address, as not every resolver knows that names below localhost are loopback.
    connection = http.client.HTTPSConnection(urlsplit(endpoint).netloc, context=trusted)
    credentials: Any = boto3.session.Session().get_credentials()

    def call(address: str, service: str, kind: str, body: bytes) -> None:
        request = AWSRequest("POST", address, {"content-type": kind}, body)
        SigV4Auth(credentials, service, os.environ["AWS_REGION"]).add_auth(request)
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("POST", path, body, {"Host": parts.netloc, **request.headers})
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200 and b"predictions" in content, content

    ways = ((url, "execute-api", "image/jpeg", IMAGE), (invoke, "lambda", "application/json", event))
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(CALLS + 20):
        for times, way in zip(taken, ways, strict=True):
            start = time.perf_counter()
            call(*way)
            if number >= 20:  # the first ones connect, and import
                times.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[0]), statistics.median(taken[1])
