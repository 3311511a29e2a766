"""The app's own network on local AWS: its endpoints let through what the functions need, and each of them is needed."""

import json
from pathlib import Path
from typing import Any

import pytest

from local_aws.home import ACCOUNT, DEFAULT_REGION
from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tests.local_aws.functions.test_concurrency import zipped
from tests.stacks.conftest import synthesize_to

# Says what a call comes to: its error, if there is one.
CODE = """
import boto3
def handler(event, context):
    client = boto3.client(event["service"])
    try:
        getattr(client, event["call"])(**event["parameters"])
    except Exception as error:
        return str(error)
"""
BUCKET, OTHERS = f"slipway-dev-{ACCOUNT}-{DEFAULT_REGION}", ("theirs", "slipway-prod")
ENDPOINT = "slipway-dev-4bd2"
# What each service says of what is not there, when the call has reached it.
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "s3": (
        {
            "service": "s3", "call": "get_object",
            "parameters": {"Bucket": BUCKET, "Key": "images/cat.png"},
        },
        "NoSuchKey",
    ),
    "sagemaker.api": (
        {"service": "sagemaker", "call": "describe_endpoint", "parameters": {"EndpointName": ENDPOINT}},
        "Could not find",
    ),
    "sagemaker.runtime": (
        {
            "service": "sagemaker-runtime", "call": "invoke_endpoint",
            "parameters": {"EndpointName": ENDPOINT, "Body": ""},
        },
        "not found",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def network(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Physical ids of the resources of the app's network stack, several training instances' rules among them."""
    for bucket in (BUCKET, *OTHERS):
        client("s3").create_bucket(Bucket=bucket)
    folder: Path = tmp_path_factory.mktemp("cdk.out")
    template = synthesize_to(folder, network="private", training_instance_count=4)["network"].to_json()
    body = json.dumps({"Resources": template["Resources"]})
    client("cloudformation").create_stack(StackName="app-network", TemplateBody=body)
    assert wait_for_stack(client, "app-network") == "CREATE_COMPLETE"
    made = client("cloudformation").describe_stack_resources(StackName="app-network")["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made}


@pytest.fixture(scope="module")
def function(client: Client, network: dict[str, str]) -> str:
    """Name of a function that runs where the app's do, and may do everything."""
    made = client("lambda").create_function(
        FunctionName="in-the-app-s-network", Runtime="python3.12", Handler="f.handler", Code={"ZipFile": zipped(CODE)},
        Role=make_role(client, "anything", "lambda.amazonaws.com", {"Action": "*", "Resource": "*"}), Timeout=60,
        VpcConfig={
            "SubnetIds": [network["Subnet0"], network["Subnet1"]],
            "SecurityGroupIds": [network["Group"]],
        },
    )  # fmt: skip
    return str(made["FunctionName"])


def say(client: Client, function: str, event: dict[str, Any]) -> str:
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return str(json.loads(answer["Payload"].read()))


@pytest.mark.parametrize("service", CALLS)
def test_a_call_that_the_app_needs_passes(client: Client, function: str, service: str) -> None:
    event, said = CALLS[service]
    assert said in say(client, function, event)


@pytest.mark.parametrize(
    "event",
    [
        {"service": "s3", "call": "put_object", "parameters": {"Bucket": "theirs", "Key": "stolen", "Body": "data"}},
        {"service": "s3", "call": "get_object", "parameters": {"Bucket": "slipway-prod", "Key": "images/cat.png"}},
        {"service": "sagemaker", "call": "describe_endpoint", "parameters": {"EndpointName": "slipway-prod-4bd2"}},
        {"service": "sagemaker", "call": "list_models", "parameters": {}},
    ],
    ids=lambda event: f"{event['call']} {event['parameters']}",
)
def test_one_that_it_does_not_is_stopped_though_the_role_may_do_everything(
    client: Client, function: str, event: dict[str, Any]
) -> None:
    assert "because no VPC endpoint policy allows" in say(client, function, event)


@pytest.mark.parametrize("call", ["logs:describe_log_groups", "ec2:describe_vpcs", "sts:get_caller_identity"])
def test_a_service_that_it_does_not_call_has_no_way(client: Client, function: str, call: str) -> None:
    service, operation = call.split(":")
    event = {"service": service, "call": operation, "parameters": {}}
    assert f"has no VPC endpoint com.amazonaws.{DEFAULT_REGION}.{service}" in say(client, function, event)


@pytest.mark.parametrize(
    ("id", "service"), [("S3", "s3"), ("SageMaker", "sagemaker.api"), ("SageMakerRuntime", "sagemaker.runtime")]
)
def test_without_its_endpoint_a_call_has_no_way(
    client: Client, function: str, network: dict[str, str], id: str, service: str
) -> None:
    """The last test of the network: the endpoints do not come back."""
    client("ec2").delete_vpc_endpoints(VpcEndpointIds=[network[id]])
    assert f"has no VPC endpoint com.amazonaws.{DEFAULT_REGION}.{service}" in say(client, function, CALLS[service][0])
