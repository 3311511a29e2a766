"""Notebook instances: statuses, refused requests, and the credentials of their role."""

import base64
import textwrap
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.home import Home, read_env
from tests.local_aws.conftest import Client, make_role
from tests.waiting import WAITER_CONFIG

pytestmark = pytest.mark.e2e

SCRIPT = base64.b64encode(b"#!/bin/bash\n").decode()


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    return make_role(
        client, "notebook", "sagemaker.amazonaws.com", {"Action": "sagemaker:ListEndpoints", "Resource": "*"}
    )


def _create(client: Client, role: str, name: str, **more: Any) -> None:
    client("sagemaker").create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=role, **more
    )


def _status(client: Client, name: str) -> str:
    return str(client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceStatus"])


def test_an_instance_leaves_credentials_with_which_one_may_do_what_its_role_may(
    client: Client, home: Home, role: str
) -> None:
    _create(client, role, "one", PlatformIdentifier="notebook-al2023-v1", RootAccess="Disabled")

    variables = read_env(home.scratch / "notebook-instances" / "one.env")
    as_instance = boto3.session.Session(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_SESSION_TOKEN"], "us-east-1"
    ).client("sagemaker", endpoint_url=variables["AWS_ENDPOINT_URL"], verify=variables["AWS_CA_BUNDLE"])
    assert "Endpoints" in as_instance.list_endpoints()
    with pytest.raises(ClientError, match=r"assumed-role/notebook/SageMaker is not authorized.*sagemaker:ListModels"):
        as_instance.list_models()


def test_it_is_stopped_before_it_is_deleted_and_its_credentials_go(client: Client, home: Home, role: str) -> None:
    _create(client, role, "two")
    sagemaker, file = client("sagemaker"), home.scratch / "notebook-instances" / "two.env"
    assert (_status(client, "two"), file.exists()) == ("InService", True)
    with pytest.raises(ClientError, match=r"\(InService\) not in \(\[Stopped\]\)"):
        sagemaker.delete_notebook_instance(NotebookInstanceName="two")

    sagemaker.stop_notebook_instance(NotebookInstanceName="two")
    assert (_status(client, "two"), file.exists()) == ("Stopped", False)
    sagemaker.start_notebook_instance(NotebookInstanceName="two")
    assert (_status(client, "two"), file.exists()) == ("InService", True)
    sagemaker.stop_notebook_instance(NotebookInstanceName="two")
    sagemaker.delete_notebook_instance(NotebookInstanceName="two")
    with pytest.raises(ClientError, match="Could not find"):
        _status(client, "two")


def test_without_a_subnet_it_keeps_its_access_to_the_internet(client: Client, role: str) -> None:
    with pytest.raises(ClientError, match="Disabled only for an instance with a SubnetId"):
        _create(client, role, "three", DirectInternetAccess="Disabled")


def test_a_role_that_does_not_trust_sagemaker_is_refused(client: Client) -> None:
    other = make_role(client, "not-for-notebooks", "lambda.amazonaws.com")
    with pytest.raises(ClientError, match="Could not assume role"):
        _create(client, other, "four")


def test_a_lifecycle_configuration_has_to_be_there(client: Client, role: str) -> None:
    with pytest.raises(ClientError, match="Could not find notebook-instance-lifecycle-config"):
        _create(client, role, "five", LifecycleConfigName="absent")


@pytest.mark.parametrize(
    ("content", "why"), [("%", "not base64"), (SCRIPT * 2000, "length less than or equal to 16384")]
)
def test_a_script_is_base64_and_has_a_limit(client: Client, content: str, why: str) -> None:
    with pytest.raises((ClientError), match=why):
        client("sagemaker").create_notebook_instance_lifecycle_config(
            NotebookInstanceLifecycleConfigName="c", OnStart=[{"Content": content}]
        )


def test_cloudformation_makes_changes_and_removes_both(client: Client, role: str) -> None:
    template = textwrap.dedent("""
    Parameters: {Type: {Type: String}}
    Resources:
      Config:
        Type: AWS::SageMaker::NotebookInstanceLifecycleConfig
        Properties: {OnStart: [{Content: {"Fn::Base64": "echo hello"}}]}
      Instance:
        Type: AWS::SageMaker::NotebookInstance
        Properties:
          NotebookInstanceName: of-a-stack
          InstanceType: {Ref: Type}
          RoleArn: ROLE
          LifecycleConfigName: {"Fn::GetAtt": [Config, NotebookInstanceLifecycleConfigName]}
    """)
    template = template.replace("ROLE", role)
    cloudformation, name = client("cloudformation"), "notebooks"

    def put(verb: str, type_: str) -> dict[str, Any]:
        parameters = [{"ParameterKey": "Type", "ParameterValue": type_}]
        getattr(cloudformation, f"{verb}_stack")(StackName=name, TemplateBody=template, Parameters=parameters)
        cloudformation.get_waiter(f"stack_{verb}_complete").wait(StackName=name, WaiterConfig=WAITER_CONFIG)
        described: dict[str, Any] = client("sagemaker").describe_notebook_instance(NotebookInstanceName="of-a-stack")
        return described

    made = put("create", "ml.t3.medium")
    scripts = client("sagemaker").describe_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=made["NotebookInstanceLifecycleConfigName"]
    )
    assert base64.b64decode(scripts["OnStart"][0]["Content"]) == b"echo hello"
    changed = put("update", "ml.t3.large")
    assert (changed["InstanceType"], changed["NotebookInstanceStatus"]) == ("ml.t3.large", "InService")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAITER_CONFIG)
    with pytest.raises(ClientError, match="Could not find"):
        _status(client, "of-a-stack")
