"""The HTTP API in front of the function: authorised, throttled, logged, and gone when it is not asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.stacks.conftest import synthesize_to
from tests.stacks.resources import of_type, only, text

API = "AWS::ApiGatewayV2::Api"


@pytest.fixture(scope="module")
def iam(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The serving stack with an API for signed requests."""
    return synthesize_to(tmp_path_factory.mktemp("cdk.out"), api="iam", api_rate=7, api_burst=9)["serving"]


@pytest.fixture
def jwt(gpu_fleet: dict[str, Template]) -> Template:
    """The serving stack with an API for tokens."""
    return gpu_fleet["serving"]


def test_there_is_none_unless_it_is_asked_for(templates: dict[str, Template]) -> None:
    found = [resource["Type"] for resource in templates["serving"].to_json()["Resources"].values()]
    assert not [kind for kind in found if kind.startswith("AWS::ApiGateway")]
    assert "ApiUrl" not in templates["serving"].to_json()["Outputs"]


def test_a_route_takes_signatures_or_tokens_and_nobody_else(iam: Template, jwt: Template) -> None:
    assert only(iam, "AWS::ApiGatewayV2::Route")["AuthorizationType"] == "AWS_IAM"
    iam.resource_count_is("AWS::ApiGatewayV2::Authorizer", 0)
    assert only(jwt, "AWS::ApiGatewayV2::Route")["AuthorizationType"] == "JWT"
    tokens = only(jwt, "AWS::ApiGatewayV2::Authorizer")
    assert tokens["IdentitySource"] == ["$request.header.Authorization"]
    assert tokens["JwtConfiguration"] == {"Issuer": "https://login.example.com/", "Audience": ["web", "mobile"]}


def test_images_are_posted_to_the_alias_that_callers_use(jwt: Template) -> None:
    """AWS: "Create AWS Lambda proxy integrations for HTTP APIs", API Gateway developer guide: a template has to
    give the payload format version."""
    [alias] = jwt.find_resources("AWS::Lambda::Alias")
    integration = only(jwt, "AWS::ApiGatewayV2::Integration")
    assert integration["IntegrationUri"] == {"Ref": alias}
    assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert integration["TimeoutInMillis"] == 30_000
    assert only(jwt, "AWS::ApiGatewayV2::Route")["RouteKey"] == "POST /classify"
    [api] = jwt.find_resources(API)
    assert text(jwt.to_json()["Outputs"]["ApiUrl"]["Value"]) == f"${{{api}.ApiEndpoint}}/classify"


def test_only_this_apis_route_may_call_the_alias(jwt: Template) -> None:
    [alias], [api] = jwt.find_resources("AWS::Lambda::Alias"), jwt.find_resources(API)
    permission = {name: text(value) for name, value in only(jwt, "AWS::Lambda::Permission").items()}
    here = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": f"${{{alias}}}",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": f"{here}:${{{api}}}/*/POST/classify",
    }


def test_requests_are_throttled(iam: Template) -> None:
    stage = only(iam, "AWS::ApiGatewayV2::Stage")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}


def test_each_access_is_logged_without_what_the_caller_sent(iam: Template, jwt: Template) -> None:
    """AWS: "Customize HTTP API access logs", API Gateway developer guide, has the variables. None of them is a header
    or the query string, which can hold a token."""
    for template, caller in ((iam, "$context.identity.userArn"), (jwt, "$context.authorizer.claims.sub")):
        stage = only(template, "AWS::ApiGatewayV2::Stage")
        logged = json.loads(stage["AccessLogSettings"]["Format"])
        assert all(value.startswith("$context.") for value in logged.values())
        assert {"$context.status", "$context.authorizer.error", caller} < set(logged.values())
        [log] = [id for id, group in template.find_resources("AWS::Logs::LogGroup").items() if _vended(group)]
        assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": [log, "Arn"]}
        assert template.find_resources("AWS::Logs::LogGroup")[log]["Properties"]["RetentionInDays"] == 30


def _vended(group: dict[str, Any]) -> bool:
    return bool(group["Properties"]["LogGroupName"] == "/aws/vendedlogs/apigateway/slipway-dev-api")


def test_browsers_may_call_from_the_listed_origins_only(iam: Template, jwt: Template) -> None:
    assert "CorsConfiguration" not in only(iam, API)
    cors = only(jwt, API)["CorsConfiguration"]
    assert cors["AllowOrigins"] == ["https://app.example.com", "http://localhost:3000"]
    assert (cors["AllowMethods"], "authorization" in cors["AllowHeaders"]) == (["POST"], True)
    assert "AllowCredentials" not in cors


def test_another_deployment_has_names_of_its_own(tmp_path: Path, iam: Template) -> None:
    other = synthesize_to(tmp_path, api="iam", stage="prod")["serving"]
    assert only(other, API)["Name"] == "slipway-prod-api"
    assert {group["LogGroupName"] for group in of_type(iam, "AWS::Logs::LogGroup")}.isdisjoint(
        group["LogGroupName"] for group in of_type(other, "AWS::Logs::LogGroup")
    )
