"""An API for signed requests: who may call it, and what the function gets."""

import base64
from itertools import count
from typing import Any

import pytest
from botocore.credentials import Credentials

from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tests.local_aws.conftest import Client, assume, make_role
from tests.local_aws.http_api.conftest import Api, MakeApi, by_signature

_numbers = count()
FORBIDDEN = (403, "Forbidden")
JPEG = bytes.fromhex("ffd8ffe000104a464946") + bytes(range(256))


@pytest.fixture(scope="module")
def api(make_api: MakeApi) -> Api:
    return make_api(**by_signature())


def test_a_signed_request_reaches_the_function_in_payload_format_2(api: Api) -> None:
    """AWS: "Create AWS Lambda proxy integrations for HTTP APIs", API Gateway developer guide."""
    answer = api.call(b'{"url": "x"}', query="k=3", **api.signed(b'{"url": "x"}', query="k=3"))
    event = answer.body
    assert answer.status == 200
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /classify", "/classify")
    assert (event["body"], event["isBase64Encoded"]) == ('{"url": "x"}', False)
    assert event["queryStringParameters"] == {"k": "3"}
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == ACCOUNT


def test_an_image_arrives_as_base64(api: Api) -> None:
    """AWS: the page above: "isBase64Encoded" tells a binary body; an HTTP API has no list of binary types."""
    headers = api.signed(JPEG, content_type="image/jpeg")
    event = api.call(JPEG, **headers).body
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, JPEG)


def test_a_body_of_no_bytes_is_no_body(api: Api) -> None:
    answer = api.call(b"", **api.signed(b""))
    assert (answer.status, "body" in answer.body) == (200, False)


def test_a_request_without_a_good_signature_is_forbidden(api: Api) -> None:
    """AWS: "Control access to HTTP APIs with IAM authorization", API Gateway developer guide: clients must use
    Signature Version 4."""
    good = api.signed()
    changed: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer anything"},
        {"Authorization": "Basic YTpi"},
        {**good, "Authorization": good["Authorization"][:-4] + "0000"},
        {**good, "Authorization": good["Authorization"].replace("AKIA", "AKIB")},
        {**good, "X-Amz-Date": "20200101T000000Z"},
        {**good, "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"},
        api.signed(service="lambda"),
        api.signed(region="eu-west-1"),
        api.signed(keys=Credentials("AKIAAAAAAAAAAAAAAAAA", "made up")),
    ]
    assert [api.call(**headers).refusal for headers in changed] == [FORBIDDEN] * len(changed)


def test_another_body_than_the_signed_one_is_forbidden(api: Api) -> None:
    assert api.call(b'{"other": 1}', **api.signed()).refusal == FORBIDDEN


def _keys(client: Client, home: Home, role: str) -> Credentials:
    found: Any = assume(client, home, role)("sts")._request_signer._credentials
    return Credentials(found.access_key, found.secret_key, found.token)


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        ("{api}/$default/POST/classify", True),
        ("{api}/*/POST/*", True),
        ("{api}/*/GET/classify", False),
        ("{api}/*/POST/other", False),
        ("another/*/POST/classify", False),
    ],
)
def test_a_role_needs_execute_api_invoke_on_the_route(
    client: Client, home: Home, api: Api, resource: str, allowed: bool
) -> None:
    """AWS: "Control access for invoking an API", API Gateway developer guide: execute-api:Invoke on
    arn:aws:execute-api:region:account-id:api-id/stage-name/HTTP-VERB/resource-path."""
    role = f"caller-{next(_numbers)}"
    arn = f"arn:aws:execute-api:{DEFAULT_REGION}:{ACCOUNT}:{resource.format(api=api.id)}"
    make_role(client, role, "ec2.amazonaws.com", {"Action": "execute-api:Invoke", "Resource": arn})
    answer = api.call(**api.signed(keys=_keys(client, home, role)))
    assert answer.status == (200 if allowed else 403)
    if allowed:
        assert answer.body["requestContext"]["authorizer"]["iam"]["userArn"].endswith(f"/{role}/probe")


def test_another_route_is_not_found(api: Api) -> None:
    assert api.call(b"", method="GET").refusal == (404, "Not Found")
