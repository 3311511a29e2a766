"""Permissions on KMS keys for S3: reading or writing an encrypted object also requires its key.

Source: "Using server-side encryption with AWS KMS keys", S3 user guide.
"""

from contextvars import ContextVar
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import AuthError, EvalResult
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local_aws.iam.authorization import denial
from local_aws.keys import key_arn

_ALGORITHM_HEADER = "x-amz-server-side-encryption"
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
Checks = list[tuple[str, str]]

# The object as S3 names it to KMS, by action and key: by its ARN, or by its bucket's if that has a bucket key. Source:
# "Encryption context" in the same page.
_contexts: ContextVar[dict[tuple[str, str], str]] = ContextVar("contexts")


def install() -> None:
    """Require permissions on keys in S3 requests, and apply a template's BucketEncryption."""
    _ask_for_keys()
    _ask_kms_as_s3()
    _keep_bucket_encryption()
    _know_the_managed_key()


def _ask_for_keys() -> None:
    original = iam_actions.s3_additional_checks

    def checks(method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]) -> Checks:
        asked: Checks = original(method, path, headers, body, query_params)
        return asked + _key_checks(method, path, headers, query_params)

    iam_actions.s3_additional_checks = checks


def _key_checks(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> Checks:
    """KMS permissions that a request on an object requires, as (action, key ARN)."""
    bucket, _, key = path.lstrip("/").partition("/")
    _contexts.set({})
    if not key:
        return []
    action = iam_actions._s3_action(method, path, query)
    if action in ("GetObject", "GetObjectVersion"):
        return _reads(bucket, key, query)
    if action != "PutObject":
        return []
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId", ""))
    if upload is not None:
        stored = s3._stored_sse_headers(upload).get(_KEY_HEADER)
        used = ["kms:GenerateDataKey", "kms:Decrypt"]
    else:
        stored = (s3._resolve_sse_write_headers(headers, bucket)[0] or {}).get(_KEY_HEADER)
        # Completing an upload decrypts the parts.
        used = ["kms:GenerateDataKey", *(["kms:Decrypt"] if "uploads" in query else [])]
    written = [check for action in used for check in _uses(action, stored, bucket, key)]
    source = iam_actions._s3_source_object(headers)
    if source is None:
        return written
    bucket, _, key = source[0].removeprefix("arn:aws:s3:::").partition("/")
    return written + _reads(bucket, key, {"versionId": source[1]})


def _reads(bucket: str, key: str, query: dict[str, Any]) -> Checks:
    return _uses("kms:Decrypt", _stored_key(bucket, key, query), bucket, key)


def _uses(action: str, kms_key: str | None, bucket: str, key: str) -> Checks:
    if not kms_key:
        return []
    whole = f"arn:aws:s3:::{bucket}"
    check = (action, key_arn(kms_key))
    _contexts.get()[check] = whole if _has_bucket_key(bucket) else f"{whole}/{key}"
    return [check]


def _has_bucket_key(bucket: str) -> bool:
    return "<BucketKeyEnabled>true<" in (s3._bucket_encryption.get(bucket) or "")


def _stored_key(bucket: str, key: str, query: dict[str, Any]) -> str | None:
    """Key with which an object, or the requested version of it, is encrypted; None if it has none."""
    found = s3._buckets.get(bucket)
    if found is None:
        return None
    record = found["objects"].get(key)
    if version := s3._qp(query, "versionId", ""):
        versions = [v for v in s3._object_versions.get((bucket, key), []) if v["version_id"] == version]
        record = s3._object_record_from_version(versions[0]) if versions else record
    return s3._stored_sse_headers(record).get(_KEY_HEADER) if record else None


def _ask_kms_as_s3() -> None:
    """Evaluate S3's use of a key with the keys that it sends, and report a denial as S3 does, with the key's ARN."""
    original = iam_evaluator.enforce

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> EvalResult | AuthError | None:
        if service != "s3" or not iam_action.startswith("kms:"):
            return original(access_key_id, iam_action, service, region, resource_arn, service_context)
        sent = {"kms:ViaService": f"s3.{region}.amazonaws.com"}
        if named := _contexts.get({}).get((iam_action, resource_arn)):
            sent["kms:EncryptionContext:aws:s3:arn"] = named
        denied = original(access_key_id, iam_action, "kms", region, resource_arn, sent)
        if isinstance(denied, EvalResult):
            return AuthError("AccessDenied", denial(denied, iam_action, resource_arn))
        return denied

    iam_evaluator.enforce = enforce


# ---------------------------------------------------------------------- buckets of templates


def _keep_bucket_encryption() -> None:
    """Apply BucketEncryption, which MiniStack ignores, by S3's operation, like a bucket's other configurations."""
    configuration = ("BucketEncryption", _encryption_xml, s3._put_bucket_encryption, s3._delete_bucket_encryption)
    provisioners._S3_BUCKET_CONFIGURATIONS += (configuration,)


def _encryption_xml(encryption: dict[str, Any]) -> bytes:
    root = Element("ServerSideEncryptionConfiguration", xmlns=s3.S3_NS)
    for rule in encryption["ServerSideEncryptionConfiguration"]:
        element = SubElement(root, "Rule")
        default = SubElement(element, "ApplyServerSideEncryptionByDefault")
        for name, value in rule["ServerSideEncryptionByDefault"].items():
            SubElement(default, name).text = str(value)
        if "BucketKeyEnabled" in rule:
            SubElement(element, "BucketKeyEnabled").text = str(rule["BucketKeyEnabled"]).lower()
    return tostring(root, encoding="utf-8")


def _know_the_managed_key() -> None:
    """Accept SSE-KMS without a key, which MiniStack refuses: S3 uses the key aws/s3, which needs no permission."""
    original = s3._resolve_sse_write_headers

    def resolve(headers: dict[str, str], bucket_name: str) -> tuple[dict[str, str] | None, Any]:
        managed = headers.get(_ALGORITHM_HEADER) == "aws:kms" and not headers.get(_KEY_HEADER)
        if managed:
            return {_ALGORITHM_HEADER: "aws:kms"}, None
        answer: tuple[dict[str, str] | None, Any] = original(headers, bucket_name)
        return answer

    s3._resolve_sse_write_headers = resolve
