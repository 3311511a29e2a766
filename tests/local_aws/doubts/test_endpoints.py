"""Doubts about endpoints: both answers of CloudFormation and SageMaker to what a deploy asks."""

import json
import secrets
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.toy_endpoint import model_archive, push
from local_aws.home import Home, read_env
from tests.local_aws.conftest import make_role, wait_for_stack
from tests.local_aws.doubts.conftest import Answering
from tests.waiting import WAITER_CONFIG, until

pytestmark = pytest.mark.e2e


def test_an_update_to_what_is_live_already(aws: Answering, request: pytest.FixtureRequest) -> None:
    """ "UpdateEndpoint", SageMaker API reference."""
    deploy(aws, request, "live")
    update = {"EndpointName": "live", "EndpointConfigName": config_of(aws, "live")}
    if aws.other:
        with pytest.raises(ClientError, match=r"runs endpoint configuration .* already"):
            aws.client("sagemaker").update_endpoint(**update)
    else:
        aws.client("sagemaker").update_endpoint(**update)


@pytest.mark.parametrize("retains", ["true", "false"])
def test_a_creation_that_would_retain_what_there_is(
    aws: Answering, request: pytest.FixtureRequest, retains: str
) -> None:
    """ "AWS::SageMaker::Endpoint", CloudFormation template reference: "only when updating endpoint resources"."""
    name = f"retains-{retains}"
    status = deploy(aws, request, name, RetainAllVariantProperties=retains)
    refused = aws.other and retains == "true"
    assert status == ("ROLLBACK_COMPLETE" if refused else "CREATE_COMPLETE")
    events = aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    told = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert bool([reason for reason in told if "RetainAllVariantProperties" in reason]) == refused


def test_the_log_group_of_an_endpoint_that_was_deleted_with_its_stack(
    aws: Answering, request: pytest.FixtureRequest
) -> None:
    """ "Log groups and streams that Amazon SageMaker AI sends", SageMaker developer guide."""
    group = "/aws/sagemaker/Endpoints/logging"
    assert deploy(aws, request, "logging", log=group) == "CREATE_COMPLETE"
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="logging")
    if not aws.other:
        until(lambda: not groups(aws, group))
        return
    until(lambda: [made for made in groups(aws, group) if "retentionInDays" not in made])  # no more the stack's
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="logging", WaiterConfig=WAITER_CONFIG)
    assert deploy(aws, request, "logging", log=group) == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="logging")["StackEvents"]
    told = f"Resource of type 'AWS::Logs::LogGroup' with identifier '{group}' already exists."
    assert told in [event.get("ResourceStatusReason") for event in events]


def groups(aws: Answering, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return found


def config_of(aws: Answering, endpoint: str) -> str:
    """Configuration of the endpoint, once it has settled."""

    def over() -> str:
        described = aws.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        return str(described["EndpointConfigName"]) if described["EndpointStatus"] == "InService" else ""

    return until(over)


def deploy(aws: Answering, request: pytest.FixtureRequest, name: str, *, log: str = "", **properties: Any) -> str:
    """Create a stack with the endpoint and a log group; returns its status."""
    home: Home = request.getfixturevalue("other_home" if aws.other else "home")
    image, bucket = push(aws.client, read_env(home.env_file)), aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=model_archive(name=name))
    allowed = {"Action": ["s3:*", "logs:*", "ecr:*"], "Resource": "*"}
    role = make_role(aws.client, f"host-{name}-{secrets.token_hex(4)}", "sagemaker.amazonaws.com", allowed)
    variant = {
        "VariantName": "live", "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}, "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1,
    }  # fmt: skip
    container = {"Image": image, "ModelDataUrl": f"s3://{bucket}/{name}.tar.gz"}
    config = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
    resources = {
        "Model": ("Model", {"ExecutionRoleArn": role, "EnableNetworkIsolation": True, "PrimaryContainer": container}),
        "Config": ("EndpointConfig", {"ProductionVariants": [variant]}),
        "Endpoint": ("Endpoint", {"EndpointName": name, "EndpointConfigName": config, **properties}),
    }
    template: dict[str, Any] = {
        id: {"Type": f"AWS::SageMaker::{kind}", "Properties": given} for id, (kind, given) in resources.items()
    }
    template["Log"] = {
        "Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": log or f"/doubts/{name}", "RetentionInDays": 7},
    }  # fmt: skip
    template["Endpoint"]["DependsOn"] = "Log"
    aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": template}))
    return wait_for_stack(aws.client, name)
