"""Settings of the HTTP API that have to fit each other."""

from typing import Any

import pytest

from settings import read_settings
from tests.defaults import DEFAULTS
from tests.settings.test_values import problems

TOKENS = {"api_jwt_issuer": "https://login.example.com/tenant/v2.0", "api_jwt_audience": "api://classify|web"}


def test_there_is_no_http_api_unless_it_is_asked_for() -> None:
    assert read_settings(DEFAULTS).api == "none"


@pytest.mark.parametrize(
    "given", [{}, TOKENS, {"api_cors_origins": "https://a.example.com:8443|http://localhost:3000"}]
)
def test_signed_requests_need_no_issuer(given: dict[str, Any]) -> None:
    assert read_settings({**DEFAULTS, "api": "iam", **given}).api == "iam"


def test_tokens_need_issuer_and_audience_and_all_is_said_at_once() -> None:
    """AWS: "Control access to HTTP APIs with JWT authorizers", API Gateway developer guide: `iss`, and `aud` or
    `client_id`, are compared with the authorizer's configuration."""
    assert read_settings({**DEFAULTS, "api": "jwt", **TOKENS}).api_jwt_audience == "api://classify|web"
    said = problems(api="jwt", api_cors_origins="*")
    assert [line.partition(" ")[0] for line in said] == ["api_jwt_issuer", "api_jwt_audience", "api_cors_origins"]


@pytest.mark.parametrize(("api", "fits"), [("none", True), ("iam", False)])
def test_the_function_has_to_answer_before_api_gateway_gives_up(api: str, fits: bool) -> None:
    """AWS: "Quotas for configuring and running an HTTP API", API Gateway developer guide: the maximum
    integration timeout is 30 seconds and cannot be increased."""
    if fits:
        assert read_settings({**DEFAULTS, "api": api, "lambda_timeout": 31}).lambda_timeout == 31
    else:
        assert problems(api=api, lambda_timeout=31)[0].startswith(
            "api = 'iam': API Gateway waits 30 s for an answer: lambda_timeout has to be 30 or less"
        )
    assert read_settings({**DEFAULTS, "api": api, "lambda_timeout": 30}).api == api
