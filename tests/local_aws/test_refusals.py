"""Unsupported and unauthorised requests are refused by name; none succeeds silently."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from aws.quotas import LAMBDA_EVENT_BYTES
from local_aws.home import Home, read_env
from local_aws.lifecycle import up
from local_aws.running import LocalAwsError
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


@pytest.mark.parametrize("length", [{"Content-Length": str(10**12)}, {"Transfer-Encoding": "chunked"}])
def test_a_large_body_that_nobody_signed_is_refused_before_it_is_read(home: Home, length: dict[str, str]) -> None:
    variables = read_env(home.env_file)
    address = urlsplit(variables["AWS_ENDPOINT_URL"])
    context = ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, timeout=60, context=context)
    connection.putrequest("PUT", "/workshop/large")
    for name, value in length.items():
        connection.putheader(name, value)
    connection.endheaders()
    # One byte too many and no more: the server closes, and a client that still sends may not get to read the answer.
    size = b"ffffffff\r\n" if "Transfer-Encoding" in length else b""
    connection.send(size + b"x" * (LAMBDA_EVENT_BYTES + 1))

    assert connection.getresponse().status == 403  # far from its end


def test_a_small_one_reaches_the_service_which_asks_for_a_signature(home: Home) -> None:
    variables = read_env(home.env_file)
    request = urllib.request.Request(f"{variables['AWS_ENDPOINT_URL']}/workshop/small", b"body", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"]))
    assert refusal.value.code == 403
    assert b"<Error>" in refusal.value.read()


BAD_NAMES = ["slipway-x/../../../../victim", "../x", "ü", "a/b", "a" * 300]
ROLE = "arn:aws:iam::000000000000:role/nobody"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_becomes_no_path_and_no_arn_unless_the_service_allows_it(
    client: Client, home: Home, name: str, tmp_path: Path
) -> None:
    """AWS's words: https://github.com/aws/sagemaker-python-sdk/issues/384."""
    before = sorted(home.scratch.rglob("*"))
    sagemaker = client("sagemaker")
    for operation, request in (
        (
            "create_training_job",
            {"TrainingJobName": name, "RoleArn": ROLE, "OutputDataConfig": {"S3OutputPath": "s3://b"}},
        ),
        ("create_notebook_instance", {"NotebookInstanceName": name, "InstanceType": "ml.t3.medium", "RoleArn": ROLE}),
        ("describe_endpoint", {"EndpointName": name}),
        ("delete_model", {"ModelName": name}),
    ):
        with pytest.raises(ClientError, match=r"validation errors? detected: Value .* at '\w+Name' failed") as refusal:
            getattr(sagemaker, operation)(**request)
        assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert [path for path in sorted(home.scratch.rglob("*")) if path not in before] == []


def test_a_template_s_names_are_held_to_the_same(client: Client) -> None:
    resource = {
        "Type": "AWS::SageMaker::NotebookInstance",
        "Properties": {"NotebookInstanceName": "../../n", "InstanceType": "ml.t3.medium", "RoleArn": ROLE},
    }
    client("cloudformation").create_stack(StackName="path", TemplateBody=json.dumps({"Resources": {"N": resource}}))

    assert any(
        "Value '../../n' at 'notebookInstanceName' failed" in reason for reason in wait_for_events(client, "path")
    )


def test_the_data_plane_holds_names_and_headers_to_its_model(client: Client) -> None:
    for request in ({"EndpointName": "a_b"}, {"EndpointName": "ab", "InferenceId": "x" * 65}):
        with pytest.raises(ClientError, match="1 validation error detected") as refusal:
            client("sagemaker-runtime").invoke_endpoint(**request, Body=b"")
        assert refusal.value.response["Error"]["Code"] == "ValidationError"


def test_other_services_of_ours_refuse_in_their_own_words(client: Client) -> None:
    """ECR: https://github.com/jenkins-x/jx/issues/1344."""
    with pytest.raises(
        ClientError, match="Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must sa"
    ):
        client("ecr").create_repository(repositoryName="Upper")
    with pytest.raises(ClientError, match=r"Value '\?' at 'serviceCode' failed to satisfy constraint"):
        client("service-quotas").list_service_quotas(ServiceCode="?")
    with pytest.raises(ClientError, match="Value 'x' at 'scalableDimension' failed to satisfy constraint: Member must"):
        client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ec2", ScalableDimension="x")


@pytest.mark.parametrize("target", ["SageMaker.DescribeModel", "AnyScaleFrontendService.PutScalingPolicy"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_a_bad_request(home: Home, target: str, body: bytes) -> None:
    service = "sagemaker" if target.startswith("SageMaker") else "application-autoscaling"
    variables = read_env(home.env_file)
    signed = AWSRequest("POST", variables["AWS_ENDPOINT_URL"] + "/", {"X-Amz-Target": target}, body)
    keys = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, service, variables["AWS_REGION"]).add_auth(signed)
    request = urllib.request.Request(signed.url, body, dict(signed.headers), method="POST")

    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"]))

    assert (refusal.value.code, json.load(refusal.value)["__type"]) == (400, "SerializationException")


def test_s3_takes_no_key_over_1024_bytes_and_no_1001_deletions(client: Client, bucket: str) -> None:
    """https://github.com/versity/versitygw/issues/2080 and https://github.com/aws/aws-sdk-java/issues/1293."""
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="ü" * 512, Body=b"")
    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="ü" * 512 + "x", Body=b"")
    keys = [{"Key": f"deleted/{number}"} for number in range(1001)]
    s3.put_object(Bucket=bucket, Key="deleted/0", Body=b"")
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert s3.list_objects_v2(Bucket=bucket, Prefix="deleted/")["KeyCount"] == 1
    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[:1000]})
    assert s3.list_objects_v2(Bucket=bucket, Prefix="deleted/")["KeyCount"] == 0


@pytest.mark.parametrize("service", ["sagemaker", "cloudformation", "s3"])
def test_a_region_that_does_not_exist_has_no_services(home: Home, service: str) -> None:
    """https://github.com/JuliaCloud/AWS.jl/issues/565 has the words."""
    nowhere = clients({**read_env(home.env_file), "AWS_REGION": "mars-north-1"})(service)
    listing = {"sagemaker": "list_models", "cloudformation": "list_stacks", "s3": "list_buckets"}

    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidSignatureException"):
        getattr(nowhere, listing[service])()


def test_no_local_aws_starts_in_such_a_region(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="there is no region mars-north-1"):
        up(Home(tmp_path), region="mars-north-1")
