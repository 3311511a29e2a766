"""Unsupported and unauthorised requests are refused by name; none succeeds silently."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import Home, read_env
from tests.local_aws.conftest import Client, assume, clients, make_role, wait_for_stack


def test_an_operation_it_lacks_is_named(client: Client) -> None:
    with pytest.raises(ClientError, match="does not support sagemaker:CreateDomain"):
        client("sagemaker").create_domain(
            DomainName="d",
            AuthMode="IAM",
            DefaultUserSettings={"ExecutionRole": "arn:aws:iam::1:role/r-------"},
        )


def test_a_resource_type_it_lacks_is_named_before_anything_is_created(client: Client) -> None:
    template = {"Resources": {"D": {"Type": "AWS::SageMaker::Domain", "Properties": {}}}}

    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::SageMaker::Domain\]"):
        client("cloudformation").create_stack(StackName="lacks", TemplateBody=json.dumps(template))


def test_a_property_it_does_not_know_fails_the_resource(client: Client) -> None:
    model = {"Type": "AWS::SageMaker::Model", "Properties": {"ExecutionRole": "r"}}
    client("cloudformation").create_stack(StackName="misspelt", TemplateBody=json.dumps({"Resources": {"M": model}}))

    reasons = wait_for_events(client, "misspelt")
    assert any("does not know the properties ExecutionRole" in reason for reason in reasons)


def wait_for_events(client: Client, stack: str) -> list[str]:
    wait_for_stack(client, stack)
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events]


@pytest.mark.parametrize(
    "keys",
    [
        {"aws_access_key_id": "test", "aws_secret_access_key": "test"},
        {"aws_access_key_id": "000000000000", "aws_secret_access_key": "test"},
        {"aws_access_key_id": "AKIAAAAAAAAAAAAAAAAA", "aws_secret_access_key": "anything"},
    ],
)
def test_a_key_it_did_not_issue_is_refused(home: Home, keys: dict[str, str]) -> None:
    stranger = clients(read_env(home.env_file), **keys)

    for service, operation in (("s3", "list_buckets"), ("sagemaker", "list_models")):
        with pytest.raises(ClientError) as refusal:
            getattr(stranger(service), operation)()
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_a_role_s_session_may_do_what_its_policy_says_and_no_more(client: Client, home: Home) -> None:
    make_role(
        client,
        "reader",
        "sagemaker.amazonaws.com",
        {"Action": "sagemaker:DescribeModel", "Resource": "arn:aws:sagemaker:*:*:model/mine-*"},
    )
    reader = assume(client, home, "reader")("sagemaker")

    def outcome(model: str) -> Any:
        with pytest.raises(ClientError) as error:
            reader.describe_model(ModelName=model)
        return error.value.response["Error"]["Code"]

    assert outcome("mine-1") == "ValidationException"  # allowed, but it does not exist
    assert outcome("yours-1") == "AccessDeniedException"


@pytest.mark.parametrize("path", ["reset", "config", "sqs/messages"])
def test_ministack_s_own_endpoints_are_shut(client: Client, home: Home, path: str) -> None:
    """MiniStack's own endpoints check no credentials, and one of them deletes everything."""
    variables = read_env(home.env_file)
    request = urllib.request.Request(f"{variables['AWS_ENDPOINT_URL']}/_ministack/{path}", b"{}", method="POST")

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"]))

    assert client("sts").get_caller_identity()["Arn"].endswith("user/administrator")


def test_who_signs_nothing_reads_nothing(client: Client, home: Home, bucket: str) -> None:
    client("s3").put_object(Bucket=bucket, Key="private", Body=b"1")
    variables = read_env(home.env_file)
    context = ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"])

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{variables['AWS_ENDPOINT_URL']}/{bucket}/private", context=context)
