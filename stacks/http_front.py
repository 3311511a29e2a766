"""An HTTP API of API Gateway in front of the function: one route, authorised, throttled and logged.

    POST /classify ── authorizer (IAM, or a JWT's issuer and audience) ── alias `live`, payload format 2.0

It is part of the endpoint's stack, so that it is deleted when the setting `api` no longer asks for it. Binary bodies
need no setting: an HTTP API hands them on as base64 ("Create AWS Lambda proxy integrations for HTTP APIs", API Gateway
developer guide).
"""

import json

from aws_cdk import Aws, CfnOutput, Duration, Fn, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from aws.log_groups import api_log_group
from settings import Settings, names
from settings.http_front import INTEGRATION_SECONDS
from stacks.log_group import log_group

_METHOD, _PATH = "POST", "/classify"
_STAGE = "$default"
# Headers that a browser may send: the token, or those that a signature adds; and the type of the body.
_HEADERS = ["authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
_CORS_AGE = Duration.hours(1)
# The caller and the outcome. Never the request's headers or query: they can hold a token. Sources: "Customize HTTP
# API access logs" and "Troubleshooting issues with HTTP API Lambda integrations", API Gateway developer guide.
_ACCESS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.dataProcessed",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.message",
    "authorizerError": "$context.authorizer.error",
    "integrationError": "$context.integrationErrorMessage",
}
_CALLER = {"iam": "$context.identity.userArn", "jwt": "$context.authorizer.claims.sub"}


class HttpFront(Construct):
    """`api`, and `url`, the address to which images are posted."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, alias: lambda_.Alias) -> None:
        super().__init__(scope, id)
        name = names.resource_name(settings.prefix, "api")
        self.api = apigateway.CfnApi(
            self,
            "Api",
            name=name,
            description="Classifies the image that is posted to it",
            protocol_type="HTTP",
            cors_configuration=_cors(settings),
        )
        integration = apigateway.CfnIntegration(
            self,
            "Classify",
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=alias.function_arn,
            payload_format_version="2.0",
            timeout_in_millis=INTEGRATION_SECONDS * 1000,
        )
        apigateway.CfnRoute(
            self,
            "Route",
            api_id=self.api.ref,
            route_key=f"{_METHOD} {_PATH}",
            target=Fn.join("/", ["integrations", integration.ref]),
            authorization_type="AWS_IAM" if settings.api == "iam" else "JWT",
            authorizer_id=self._tokens(settings).ref if settings.api == "jwt" else None,
        )
        self._stage(settings, name)
        # No SourceAccount: AWS documents none for API Gateway ("Invoking a Lambda function using an Amazon API Gateway
        # endpoint", Lambda developer guide). The route's ARN names the account.
        lambda_.CfnPermission(
            self,
            "MayCall",
            action="lambda:InvokeFunction",
            function_name=alias.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}"
            f":{self.api.ref}/*/{_METHOD}{_PATH}",
        )
        self.url = f"{self.api.attr_api_endpoint}{_PATH}"
        CfnOutput(Stack.of(self), "ApiUrl", value=self.url, description="where images are posted")

    def _tokens(self, settings: Settings) -> apigateway.CfnAuthorizer:
        """The authorizer that takes the issuer's tokens for one of the audiences."""
        return apigateway.CfnAuthorizer(
            self,
            "Tokens",
            api_id=self.api.ref,
            name="tokens",
            authorizer_type="JWT",
            identity_source=["$request.header.Authorization"],
            jwt_configuration=apigateway.CfnAuthorizer.JWTConfigurationProperty(
                issuer=settings.api_jwt_issuer, audience=settings.api_jwt_audience.split("|")
            ),
        )

    def _stage(self, settings: Settings, name: str) -> None:
        log = log_group(self, "Log", name=api_log_group(name), settings=settings)
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name=_STAGE,
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=settings.api_rate, throttling_burst_limit=settings.api_burst
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.attr_arn, format=json.dumps({**_ACCESS, "caller": _CALLER[settings.api]})
            ),
        )


def _cors(settings: Settings) -> apigateway.CfnApi.CorsProperty | None:
    """Let the pages of the listed origins call the API; without one, browsers let no other page do so."""
    if not settings.api_cors_origins:
        return None
    return apigateway.CfnApi.CorsProperty(
        allow_origins=settings.api_cors_origins.split("|"),
        allow_methods=[_METHOD],
        allow_headers=_HEADERS,
        max_age=int(_CORS_AGE.to_seconds()),
    )
