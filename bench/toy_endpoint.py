"""Toy endpoint on local AWS with a known capacity: a fixed number of parallel requests and a fixed service time."""

import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from local_aws.images.dockerfile import build
from local_aws.images.registry import Address, RegistryClient

NAME, VARIANT, _BUCKET, _ROLE, _REPOSITORY = "toy", "live", "toy-models", "toy-host", "toys"
_CONTEXT = Path(__file__).parent / "toy"


def create(*, seconds: float, servers: int, queue: int) -> str:
    """Create the endpoint with one instance and wait until it is in service; returns its name.

    It answers `servers` requests at once, each in `seconds`, and refuses more than `queue` waiting ones.

    Raises:
        RuntimeError: the endpoint failed.
    """
    s3, iam, sagemaker = boto3.client("s3"), boto3.client("iam"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=_BUCKET)
    model = model_archive(name=NAME, seconds=seconds, servers=servers, queue=queue)
    s3.put_object(Bucket=_BUCKET, Key="model.tar.gz", Body=model)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    allowed = ["s3:GetObject", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "ecr:*"]
    grant = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(RoleName=_ROLE, PolicyName="host", PolicyDocument=_policy(grant))
    image = push(boto3.client, os.environ)
    container = {"Image": image, "ModelDataUrl": f"s3://{_BUCKET}/model.tar.gz"}
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


def push(client: Callable[[str], Any], variables: Any, architecture: str = "amd64") -> str:
    """Push the toys' image to the local AWS of `variables` (as in its aws.env); returns its address."""
    ecr = client("ecr")
    known = {each["repositoryName"]: each for each in ecr.describe_repositories()["repositories"]}
    repository = known.get(_REPOSITORY) or ecr.create_repository(repositoryName=_REPOSITORY)["repository"]
    address = f"{repository['repositoryUri']}:{architecture}"
    registry = RegistryClient.logged_in(ecr, variables["AWS_ENDPOINT_URL"], variables["AWS_CA_BUNDLE"])
    registry.push(build(_CONTEXT, architecture=architecture), Address.parse(address))
    return address


def model_archive(**told: Any) -> bytes:
    """The model.tar.gz of a toy; see toy/server.py for what it may be told."""
    return archive({"toy.json": json.dumps(told)})


def archive(files: dict[str, str]) -> bytes:
    """A tar.gz with files by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            packed.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
