"""Limits, throttling, browsers, the function's policy, and the access log of an HTTP API."""

import json
from typing import Any

import pytest

from local_aws.home import ACCOUNT
from tests.local_aws.conftest import Client, wait_for_stack
from tests.local_aws.http_api.conftest import Answer, Api, MakeApi, by_signature, by_token, resources
from tests.local_aws.http_api.issuer import Issuer
from tests.waiting import WAITER_CONFIG

ORIGIN = "https://app.example.com"
CORS = {
    "AllowOrigins": [ORIGIN],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["authorization", "content-type"],
    "MaxAge": 3600,
}


@pytest.fixture(scope="module")
def api(make_api: MakeApi, issuer: Issuer) -> Api:
    """An API for tokens that browsers may call from one origin."""
    return make_api(**by_token(issuer.url, "web"), cors=CORS)


@pytest.fixture
def token(issuer: Issuer) -> str:
    return f"Bearer {issuer.token()}"


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize("megabytes", [11, 50])
@pytest.mark.parametrize("authorised", [True, False])
def test_a_body_over_10_mb_is_too_large(api: Api, token: str, megabytes: int, authorised: bool) -> None:
    """AWS: "Quotas for configuring and running an HTTP API", API Gateway developer guide: payload size 10 MB."""
    headers = {"authorization": token} if authorised else {}
    assert api.call(b"x" * (megabytes << 20), **headers).refusal == (413, "Request Entity Too Large")


def test_an_event_over_6_mb_is_too_large_for_lambda(api: Api, token: str) -> None:
    """AWS: "Lambda quotas", Lambda developer guide: 6 MB each for request and response (synchronous). base64 makes four
    bytes of three. With which status API Gateway reports it, is not documented."""
    image = {"content_type": "image/jpeg", "authorization": token}
    assert api.call(b"\xff" * 4_800_000, **image).refusal == (413, "Request Entity Too Large")
    assert api.call(b"\xff" * (4 << 20), **image).status == 200


def test_headers_over_10_kb_are_too_large(api: Api, token: str) -> None:
    """AWS: the page above: total combined size of request line and header values, 10240 bytes."""
    assert api.call(authorization=token, x_long="x" * 10_240).status == 431


# ---------------------------------------------------------------------- throttling


def test_requests_over_burst_and_rate_are_turned_away(make_api: MakeApi) -> None:
    """AWS: "Throttle requests to your HTTP APIs", API Gateway developer guide: a token bucket, and 429 Too Many
    Requests."""
    slow = make_api(**by_signature(), throttling={"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 0.001})
    answers = [slow.call(**slow.signed()) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].refusal == (429, "Too Many Requests")


# ---------------------------------------------------------------------- browsers


def preflight(api: Api, origin: str) -> Answer:
    return api.call(b"", method="OPTIONS", origin=origin, access_control_request_method="POST")


def test_a_preflight_of_a_listed_origin_is_let_through_without_a_token(api: Api) -> None:
    """AWS: "Configure CORS for HTTP APIs", API Gateway developer guide: API Gateway answers preflight requests by
    itself."""
    answer = preflight(api, ORIGIN)
    assert answer.status == 204
    allowed = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "3600",
    }


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://app.example.com.evil.com", "null", ""])
def test_another_origin_gets_no_cors_headers(api: Api, token: str, origin: str) -> None:
    """AWS: the page above: CORS headers are those of the configuration. A browser refuses a response without them."""
    for answer in (preflight(api, origin), api.call(authorization=token, origin=origin)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_response_to_a_listed_origin_may_be_read_by_its_page(api: Api, token: str) -> None:
    assert api.call(authorization=token, origin=ORIGIN).headers["access-control-allow-origin"] == ORIGIN


def test_a_preflight_needs_both_of_its_headers(api: Api) -> None:
    """AWS: the page above: for OPTIONS, the request must have origin and Access-Control-Request-Method."""
    assert "access-control-allow-origin" not in api.call(b"", method="OPTIONS", origin=ORIGIN).headers


def test_without_a_list_there_is_no_preflight(make_api: MakeApi) -> None:
    assert preflight(make_api(**by_signature()), ORIGIN).refusal == (404, "Not Found")


# ---------------------------------------------------------------------- the function


def test_a_function_whose_policy_does_not_let_the_api_in_is_not_called(make_api: MakeApi) -> None:
    """AWS: "Troubleshooting issues with HTTP API Lambda integrations", API Gateway developer guide."""
    api = make_api(**by_signature(), permitted=False)
    assert api.call(**api.signed()).refusal == (500, "Internal Server Error")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ({"SourceArn": "{api}/*/POST/classify"}, 200),
        ({"SourceArn": "{api}/*/GET/classify"}, 500),
        ({"SourceArn": "another/*/POST/classify"}, 500),
        ({"SourceArn": "{api}/*/POST/classify", "SourceAccount": ACCOUNT}, 500),
    ],
)
def test_the_policy_names_the_route_and_no_account(
    client: Client, make_api: MakeApi, source: dict[str, str], status: int
) -> None:
    """AWS: "Invoking a Lambda function using an Amazon API Gateway endpoint", Lambda developer guide: the policy has a
    source ARN, and nothing says that API Gateway sends an account."""
    api = make_api(**by_signature(), permitted=False)
    arn = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:"
    given = {name: arn + value.format(api=api.id) if name == "SourceArn" else value for name, value in source.items()}
    client("lambda").add_permission(
        FunctionName=api.stack,
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        **given,
    )
    assert api.call(**api.signed()).status == status


def test_a_function_that_fails_says_nothing_of_itself(api: Api, token: str) -> None:
    answer = api.call(query="fail", authorization=token)
    assert answer.refusal == (500, "Internal Server Error")


# ---------------------------------------------------------------------- the access log


def lines(client: Client, api: Api) -> list[dict[str, Any]]:
    events = client("logs").filter_log_events(logGroupName=api.stack)["events"]
    return [json.loads(event["message"]) for event in events]


def test_each_request_is_a_line_and_none_holds_a_token(client: Client, make_api: MakeApi, issuer: Issuer) -> None:
    """AWS: "Customize HTTP API access logs", API Gateway developer guide."""
    api, good, bad = make_api(**by_token(issuer.url, "web")), issuer.token(), issuer.token(exp=1)
    answers = [api.call(authorization=f"Bearer {token}") for token in (good, bad)]
    answers.append(api.call(query="fail", authorization=f"Bearer {good}"))

    found = lines(client, api)
    assert [line["requestId"] for line in found] == [answer.headers["apigw-requestid"] for answer in answers]
    assert [line["status"] for line in found] == ["200", "401", "500"]
    assert [line["authorizer.claims.sub"] for line in found] == ["somebody", "-", "somebody"]
    assert [line["authorizer.error"] != "-" for line in found] == [False, True, False]
    assert "a secret of the function" in found[2]["integrationErrorMessage"]
    assert {line["routeKey"] for line in found} == {"POST /classify"}
    assert not [part for part in (*good.split("."), *bad.split(".")) if part in json.dumps(found)]


def test_a_caller_is_logged_by_its_arn(client: Client, make_api: MakeApi) -> None:
    api = make_api(**by_signature())
    api.call(**api.signed())
    [line] = lines(client, api)
    assert line["identity.userArn"].startswith(f"arn:aws:iam::{ACCOUNT}:")


# ---------------------------------------------------------------------- updates


def test_an_update_changes_cors_limits_and_audience_in_place_and_the_address_stays(
    client: Client, make_api: MakeApi, issuer: Issuer
) -> None:
    api = make_api(**by_token(issuer.url, "web"))
    changed = resources(
        api.stack,
        **by_token(issuer.url, "mobile"),
        cors=CORS,
        throttling={"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.001},
    )
    outputs = {"Api": {"Value": {"Ref": "Api"}}}
    template = json.dumps({"Resources": changed, "Outputs": outputs})
    client("cloudformation").update_stack(StackName=api.stack, TemplateBody=template)
    assert wait_for_stack(client, api.stack) == "UPDATE_COMPLETE"

    assert preflight(api, ORIGIN).status == 204
    assert api.call(authorization=f"Bearer {issuer.token(aud='mobile')}").status == 200
    assert api.call(authorization=f"Bearer {issuer.token(aud='mobile')}").status == 429


def test_a_deleted_api_answers_nobody(client: Client, make_api: MakeApi) -> None:
    api = make_api(**by_signature())
    client("cloudformation").delete_stack(StackName=api.stack)
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=api.stack, WaiterConfig=WAITER_CONFIG)
    assert api.call(**api.signed()).refusal == (404, "Not Found")
