"""An HTTP API in front of a function that echoes what it is called with, and its callers."""

import http.client
import io
import json
import ssl
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_aws.home import DEFAULT_REGION, Home, read_env
from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tests.local_aws.http_api.issuer import Issuer

ECHO = """
import json
def handler(event, context):
    if event.get("rawQueryString") == "fail":
        raise ValueError("a secret of the function")
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
"""
_numbers = count()


class Answer(NamedTuple):
    """An API's response."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and message of a response of API Gateway itself."""
        assert set(self.body) == {"message"}
        return self.status, self.body["message"]


class Api:
    """An API of the local AWS, as its clients see it."""

    def __init__(self, url: str, home: Home, stack: str) -> None:
        self.url, self.stack = url, stack
        self.variables = read_env(home.env_file)
        self._trusted = ssl.create_default_context(cafile=self.variables["AWS_CA_BUNDLE"])

    @property
    def id(self) -> str:
        return self.host.partition(".")[0]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def call(self, body: bytes = b"{}", /, *, method: str = "POST", query: str = "", **headers: str) -> Answer:
        """Send a request as it is; an underscore in a header's name is a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Host": self.host, "content-type": "application/json", **named}
        # The name is below localhost, which not every resolver knows to be loopback.
        connection = _Loopback(self.host, context=self._trusted, timeout=60)
        connection.request(method, f"/classify{f'?{query}' if query else ''}", body, named)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        is_json = found.get("content-type", "").startswith("application/json") and content
        return Answer(response.status, found, json.loads(content) if is_json else content)

    def signed(
        self,
        body: bytes = b"{}",
        *,
        keys: Any = None,
        service: str = "execute-api",
        region: str = DEFAULT_REGION,
        query: str = "",
        content_type: str = "application/json",
    ) -> dict[str, str]:
        """Headers of a request signed with `keys`, botocore's credentials; else with the administrator's."""
        keys = keys or Credentials(self.variables["AWS_ACCESS_KEY_ID"], self.variables["AWS_SECRET_ACCESS_KEY"])
        url = f"{self.url}{f'?{query}' if query else ''}"
        request = AWSRequest("POST", url, {"content-type": content_type}, body)
        SigV4Auth(keys, service, region).add_auth(request)
        return dict(request.headers.items())


class _Loopback(http.client.HTTPSConnection):
    """A connection to 127.0.0.1, whose certificate is that of the host's name."""

    def connect(self) -> None:
        name, self.host = self.host, "127.0.0.1"
        http.client.HTTPConnection.connect(self)
        self.host = name
        self.sock = self._context.wrap_socket(self.sock, server_hostname=name)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def issuer(home: Home) -> Iterator[Issuer]:
    issuer = Issuer(home.scratch / "ministack-tls")
    yield issuer
    issuer.server.shutdown()


MakeApi = Callable[..., Api]


@pytest.fixture(scope="session")
def make_api(client: Client, home: Home) -> MakeApi:
    """Make an API by a template like that of stacks/http_front.py, with changes."""
    role = make_role(client, "echo", "lambda.amazonaws.com")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", ECHO)

    def make(*, permitted: bool = True, **changes: Any) -> Api:
        name = f"api-{next(_numbers)}"
        client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="f.handler",
            Code={"ZipFile": code.getvalue()},
            Publish=True,
        )
        client("lambda").create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        client("logs").create_log_group(logGroupName=name)
        template = {"Resources": resources(name, **changes), "Outputs": OUTPUTS}
        if not permitted:
            del template["Resources"]["MayCall"]
        client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
        assert wait_for_stack(client, name) == "CREATE_COMPLETE"
        [stack] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return Api(stack["Outputs"][0]["OutputValue"], home, name)

    return make


OUTPUTS = {"ApiUrl": {"Value": {"Fn::Join": ["", [{"Fn::GetAtt": ["Api", "ApiEndpoint"]}, "/classify"]]}}}


def resources(
    name: str,
    *,
    route: dict[str, Any],
    tokens: dict[str, Any] | None = None,
    cors: dict[str, Any] | None = None,
    throttling: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Resources of an API whose route has the properties `route`."""
    api = {"ApiId": {"Ref": "Api"}}
    here = f"{DEFAULT_REGION}:${{AWS::AccountId}}"
    function = {"Fn::Sub": f"arn:aws:lambda:{here}:function:{name}:live"}
    wanted = ["requestId", "status", "routeKey", "authorizer.error", "authorizer.claims.sub", "integrationErrorMessage"]
    stage = {
        "StageName": "$default",
        "AutoDeploy": True,
        "AccessLogSettings": {
            "DestinationArn": {"Fn::Sub": f"arn:aws:logs:{here}:log-group:{name}:*"},
            "Format": json.dumps({variable: f"$context.{variable}" for variable in [*wanted, "identity.userArn"]}),
        },
        **({"DefaultRouteSettings": throttling} if throttling else {}),
    }
    integration = {"IntegrationType": "AWS_PROXY", "IntegrationUri": function, "PayloadFormatVersion": "2.0"}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "Api": ("Api", {"Name": name, "ProtocolType": "HTTP", **({"CorsConfiguration": cors} if cors else {})}),
        "Integration": ("Integration", {**api, **integration}),
        "Route": (
            "Route",
            {
                **api,
                "RouteKey": "POST /classify",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
                **route,
            },
        ),
        "Stage": ("Stage", {**api, **stage}),
    }
    if tokens:
        authorizer = {
            "AuthorizerType": "JWT",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": tokens,
        }
        found["Tokens"] = ("Authorizer", {**api, "Name": "tokens", **authorizer})
    made = {id: {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": given} for id, (kind, given) in found.items()}
    made["MayCall"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": function,
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": f"arn:aws:execute-api:{here}:${{Api}}/*/POST/classify"},
        },
    }
    return made


def by_token(issuer: str, *audience: str) -> dict[str, Any]:
    """Changes that make an API one for an issuer's tokens."""
    return {
        "route": {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Tokens"}},
        "tokens": {"Issuer": issuer, "Audience": list(audience)},
    }


def by_signature() -> dict[str, Any]:
    """Changes that make an API one for signed requests."""
    return {"route": {"AuthorizationType": "AWS_IAM"}}
