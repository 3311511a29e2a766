"""Toy endpoint on local AWS with a known capacity: a fixed number of parallel requests and a fixed service time."""

import io
import json
import tarfile
import time
from typing import Any

import boto3

NAME, VARIANT, _BUCKET, _ROLE = "toy", "live", "toy-models", "toy-host"
_CONFIG = "applications: [{name: toy, route_prefix: /, import_path: 'deployment:app'}]"
_CODE = """
import asyncio
from ray import serve

@serve.deployment(max_ongoing_requests=1000)
class Toy:
    def __init__(self):
        self.free = asyncio.Semaphore({servers})
        self.waiting = 0

    async def __call__(self, request):
        await request.body()
        if self.waiting >= {queue}:
            from starlette.responses import Response
            return Response("busy", status_code=429)
        self.waiting += 1
        async with self.free:
            self.waiting -= 1
            await asyncio.sleep({seconds})
        return "ok"

app = Toy.bind()
"""


def create(*, seconds: float, servers: int, queue: int) -> str:
    """Create the endpoint with one instance and wait until it is in service; returns its name.

    It answers `servers` requests at once, each in `seconds`, and refuses more than `queue` waiting ones.

    Raises:
        RuntimeError: the endpoint failed.
    """
    s3, iam, sagemaker = boto3.client("s3"), boto3.client("iam"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=_BUCKET)
    s3.put_object(
        Bucket=_BUCKET, Key="model.tar.gz", Body=_archive(_CODE.format(seconds=seconds, servers=servers, queue=queue))
    )
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    allowed = ["s3:GetObject", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    grant = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(RoleName=_ROLE, PolicyName="host", PolicyDocument=_policy(grant))
    container = {"Image": "registry/ray:serve", "ModelDataUrl": f"s3://{_BUCKET}/model.tar.gz"}
    sagemaker.create_model(
        ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer=container, EnableNetworkIsolation=True
    )
    variant = {
        "VariantName": VARIANT, "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
    }  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    while (found := sagemaker.describe_endpoint(EndpointName=NAME))["EndpointStatus"] == "Creating":
        time.sleep(0.5)
    if found["EndpointStatus"] != "InService":
        raise RuntimeError(found["FailureReason"])
    return NAME


def _archive(code: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, text in (("config.yaml", _CONFIG), ("deployment.py", code)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
