"""AWS Signature Version 4 for one request.

It uses the standard library alone, because importing boto3 and making one client takes longer than the rest of a cold
start (bench/lambda_init.py). Tests compare it with botocore's own signer.

Source: "Create a signed AWS API request", IAM user guide.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote


class Credentials(NamedTuple):
    """AWS credentials."""

    key_id: str
    secret: str
    token: str
    """Session token; empty for a long-term key."""


def sign(
    method: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str,
    credentials: Credentials,
    seconds: float,
) -> dict[str, str]:
    """Return `headers` (names in lower case) with the headers that AWS requires added, the signature among them.

    `path` is percent-encoded, as it is sent, without a query; `seconds` is the time since 1970.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    digest = hashlib.sha256(body).hexdigest()
    signed = {**headers, "host": host, "x-amz-content-sha256": digest, "x-amz-date": moment}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = sorted(signed)
    # For every service but S3 the path is encoded once more.
    canonical_path = path if service == "s3" else quote(path, safe="/-_.~")
    canonical = "\n".join(
        (method, canonical_path, "", *(f"{name}:{signed[name].strip()}" for name in names), "", ";".join(names), digest)
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
