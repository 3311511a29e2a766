"""Limits of S3 that MiniStack lacks: 1,024 bytes a key, 1,000 keys a DeleteObjects.

Sources: "Naming Amazon S3 objects", S3 user guide; DeleteObjects, S3 API reference; for the errors
https://github.com/versity/versitygw/issues/2080 and https://github.com/aws/aws-sdk-java/issues/1293.
"""

from typing import Any

from ministack.core import iam_actions
from ministack.services import s3

_MAX_BYTES = 1024
_MAX_KEYS = 1000


def install() -> None:
    """Refuse keys that are too long, and too many keys at once, the latter before each is authorised."""
    handle, checks, delete = s3.handle_request, iam_actions.s3_additional_checks, s3._delete_objects

    async def handle_limited(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], **more: Any
    ) -> Any:
        size = len(s3._parse_bucket_key(path, headers)[1].encode())
        if size > _MAX_BYTES:
            limits = {"Size": str(size), "MaxSizeAllowed": str(_MAX_BYTES)}
            return s3._error("KeyTooLongError", "Your key is too long", 400, extra=limits)
        return await handle(method, path, headers, body, query, **more)

    def checks_limited(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        return [] if _deletes_too_many(method, body, query) else checks(method, path, headers, body, query)

    def delete_limited(bucket: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
        if _deletes_too_many("POST", body, {"delete": [""]}):
            return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
        return delete(bucket, body, headers)

    s3.handle_request = handle_limited
    iam_actions.s3_additional_checks = checks_limited
    s3._delete_objects = delete_limited


def _deletes_too_many(method: str, body: bytes, query: dict[str, Any]) -> bool:
    if method != "POST" or "delete" not in query:
        return False
    try:
        objects = [each for each in s3.fromstring(body) if each.tag.rpartition("}")[2] == "Object"]
    except Exception:  # defusedxml's and expat's; S3 says so itself
        return False
    return len(objects) > _MAX_KEYS
