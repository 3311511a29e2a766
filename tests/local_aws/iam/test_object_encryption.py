"""Reading or writing an object that is encrypted with a KMS key requires permissions on the key."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.home import Home
from tests.local_aws.conftest import Client, assume, make_role, wait_for_stack

BUCKET = "sealed"
VIA_S3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
Acting = Callable[..., Any]
_numbers = count()


@pytest.fixture(scope="module")
def key(client: Client) -> str:
    """Key of a bucket with default encryption; the bucket holds one object with it, and one without."""
    key = str(client("kms").create_key()["KeyMetadata"]["Arn"])
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": by_default}
    properties = {"BucketName": BUCKET, "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}
    template = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    client("cloudformation").create_stack(StackName=BUCKET, TemplateBody=json.dumps(template))
    assert wait_for_stack(client, BUCKET) == "CREATE_COMPLETE"
    client("s3").put_object(Bucket=BUCKET, Key="secret", Body=b"1")
    client("s3").put_object(Bucket=BUCKET, Key="plain", Body=b"1", ServerSideEncryption="AES256")
    return key


@pytest.fixture
def acting(client: Client, home: Home, key: str) -> Acting:
    """S3 client of a role with all of S3, and `actions` on the key."""

    def make(*actions: str, condition: dict[str, Any] = VIA_S3, on: str = key) -> Any:
        name = f"sealed-{next(_numbers)}"
        everything = {"Action": "s3:*", "Resource": "*"}
        with_key = [{"Action": list(actions), "Resource": on, "Condition": condition}] if actions else []
        make_role(client, name, "sagemaker.amazonaws.com", everything, *with_key)
        return assume(client, home, name)("s3")

    return make


def test_the_encryption_that_a_template_gives_a_bucket_is_kept(client: Client, key: str) -> None:
    [rule] = client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]

    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert client("s3").head_object(Bucket=BUCKET, Key="secret")["SSEKMSKeyId"] == key


def refused(attempt: Callable[[], Any], action: str, key: str) -> None:
    with pytest.raises(ClientError) as refusal:
        attempt()
    error = refusal.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    assert f"is not authorized to perform: {action} on resource: {key}" in error["Message"]


def test_reading_takes_decrypt(acting: Acting, key: str) -> None:
    refused(lambda: acting().get_object(Bucket=BUCKET, Key="secret"), "kms:Decrypt", key)
    with pytest.raises(ClientError, match="403"):
        acting("kms:GenerateDataKey").head_object(Bucket=BUCKET, Key="secret")

    assert acting("kms:Decrypt", "kms:Encrypt").get_object(Bucket=BUCKET, Key="secret")["Body"].read() == b"1"


def test_an_object_without_a_key_takes_none(acting: Acting) -> None:
    acting().get_object(Bucket=BUCKET, Key="plain")
    acting().put_object(Bucket=BUCKET, Key="plain", Body=b"2", ServerSideEncryption="AES256")


def test_an_older_version_keeps_its_key(client: Client, acting: Acting, key: str) -> None:
    client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    old = client("s3").put_object(Bucket=BUCKET, Key="changed", Body=b"1")["VersionId"]
    client("s3").put_object(Bucket=BUCKET, Key="changed", Body=b"2", ServerSideEncryption="AES256")

    acting().get_object(Bucket=BUCKET, Key="changed")
    refused(lambda: acting().get_object(Bucket=BUCKET, Key="changed", VersionId=old), "kms:Decrypt", key)


def test_writing_takes_generate_data_key(acting: Acting, key: str) -> None:
    reader, writer = acting("kms:Decrypt"), acting("kms:GenerateDataKey", "kms:Encrypt")

    refused(lambda: reader.put_object(Bucket=BUCKET, Key="new", Body=b"2"), "kms:GenerateDataKey", key)
    writer.put_object(Bucket=BUCKET, Key="new", Body=b"2")


def test_copying_takes_both_keys(acting: Acting, key: str) -> None:
    copy = {"Bucket": BUCKET, "Key": "copy", "CopySource": f"{BUCKET}/secret"}

    refused(lambda: acting("kms:GenerateDataKey").copy_object(**copy), "kms:Decrypt", key)
    acting("kms:GenerateDataKey", "kms:Decrypt").copy_object(**copy)


def test_a_multipart_upload_takes_decrypt_too(acting: Acting, key: str) -> None:
    begin = {"Bucket": BUCKET, "Key": "large"}
    refused(lambda: acting("kms:GenerateDataKey").create_multipart_upload(**begin), "kms:Decrypt", key)

    s3 = acting("kms:GenerateDataKey", "kms:Decrypt")
    upload = s3.create_multipart_upload(**begin)["UploadId"]
    part = s3.upload_part(**begin, UploadId=upload, PartNumber=1, Body=b"2")["ETag"]
    parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    s3.complete_multipart_upload(**begin, UploadId=upload, MultipartUpload=parts)


def test_the_key_is_used_through_s3_of_this_region(acting: Acting, key: str) -> None:
    elsewhere = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}

    refused(
        lambda: acting("kms:Decrypt", condition=elsewhere).get_object(Bucket=BUCKET, Key="secret"), "kms:Decrypt", key
    )


def test_aws_s_own_key_is_nobody_s_to_ask_for(acting: Acting) -> None:
    acting().put_object(Bucket=BUCKET, Key="managed", Body=b"2", ServerSideEncryption="aws:kms")

    acting().get_object(Bucket=BUCKET, Key="managed")


@pytest.mark.parametrize("bucket_key", [False, True])
def test_the_object_or_a_bucket_with_a_bucket_key_is_named_to_kms(
    client: Client, acting: Acting, bucket_key: bool
) -> None:
    """AWS: "Using server-side encryption with AWS KMS keys", "Encryption context", S3 user guide."""
    bucket = f"named-{bucket_key}".lower()
    own = str(client("kms").create_key()["KeyMetadata"]["Arn"])
    rule = {
        "BucketKeyEnabled": bucket_key,
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": own},
    }
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    client("s3").put_object(Bucket=bucket, Key="program.zip", Body=b"1")
    right = f"arn:aws:s3:::{bucket}" + ("" if bucket_key else "/program.zip")

    def naming(arn: str) -> Any:
        return acting("kms:Decrypt", condition={"StringEquals": {"kms:EncryptionContext:aws:s3:arn": arn}}, on=own)

    assert naming(right).get_object(Bucket=bucket, Key="program.zip")["Body"].read() == b"1"
    refused(lambda: naming(f"{right}-another").get_object(Bucket=bucket, Key="program.zip"), "kms:Decrypt", own)
