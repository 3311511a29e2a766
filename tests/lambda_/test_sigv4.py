"""The signature is the one that botocore's own signers make."""

import calendar
import datetime
import string
from urllib.parse import quote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import sigv4

NOW = datetime.datetime(2026, 11, 24, 12, 34, 56, tzinfo=datetime.UTC)
SIGNERS = {"sagemaker": botocore.auth.SigV4Auth, "s3": botocore.auth.S3SigV4Auth}


def botocores(
    monkeypatch: pytest.MonkeyPatch, method: str, host: str, path: str, headers: dict[str, str], body: bytes,
    service: str, credentials: sigv4.Credentials,
) -> str:  # fmt: skip
    """The authorization header that botocore makes, at NOW, of the headers that `sign` signs."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None))
    request = botocore.awsrequest.AWSRequest(method, f"https://{host}{path}", headers=dict(headers), data=body)
    if service != "s3":  # S3's signer adds this one itself
        request.headers["X-Amz-Content-SHA256"] = __import__("hashlib").sha256(body).hexdigest()
    request.context["payload_signing_enabled"] = True
    keys = botocore.credentials.Credentials(credentials.key_id, credentials.secret, credentials.token or None)
    SIGNERS[service](keys, service, "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", ["", "c2Vzc2lvbi10b2tlbg=="])
@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body"),
    [
        ("sagemaker", "POST", "/endpoints/slipway-dev-0000/invocations",
         {"content-type": "image/jpeg", "accept": "application/json"}, bytes(range(256)) * 8),
        ("sagemaker", "POST", "/endpoints/a b/invocations", {"content-type": " image/png "}, b""),
        ("s3", "GET", "/images/" + quote("Ü ber/a+b=c&d~e.jpg", safe="/~"), {}, b""),
        ("s3", "GET", "/" + quote(string.printable, safe="/-_.~"), {}, b""),
    ],
    ids=["an invocation", "odd path and header", "a key with accents", "a key of every character"],
)  # fmt: skip
def test_it_is_botocores(
    monkeypatch: pytest.MonkeyPatch, token: str, service: str, method: str, path: str, headers: dict[str, str],
    body: bytes,
) -> None:  # fmt: skip
    credentials = sigv4.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    path = path.replace(" ", "%20")
    ours = sigv4.sign(
        method, "example.amazonaws.com", path, headers, body,
        service=service, region="eu-west-1", credentials=credentials, seconds=calendar.timegm(NOW.timetuple()),
    )  # fmt: skip
    assert ours["authorization"] == botocores(
        monkeypatch, method, "example.amazonaws.com", path, headers, body, service, credentials
    )
    assert ours.get("x-amz-security-token", "") == token


def test_a_request_of_another_body_has_another_signature() -> None:
    def signature(body: bytes) -> str:
        return sigv4.sign(
            "POST", "h", "/", {}, body, service="sagemaker", region="r",
            credentials=sigv4.Credentials("a", "b", ""), seconds=0,
        )["authorization"]  # fmt: skip

    assert signature(b"one") != signature(b"two")
