"""CloudFormation types of HTTP APIs, where MiniStack keeps a template's names instead of the API's.

An authorizer's issuer is asked when it is made, as API Gateway does.
"""

from functools import partial

from local_aws.http_api import tokens
from local_aws.type_handlers import Made, Make, Properties, wrap

AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
_NESTED = {"AWS::ApiGatewayV2::Api": "CorsConfiguration", "AWS::ApiGatewayV2::Stage": "DefaultRouteSettings"}


def install() -> None:
    """Correct the handlers of APIs, stages and authorizers."""
    for type_, name in _NESTED.items():
        wrap(type_, partial(_renamed, name))
    wrap(AUTHORIZER, _with_an_issuer)


def _renamed(name: str, make: Make, properties: Properties) -> Made:
    """Rename the members of the property `name` from AllowOrigins to allowOrigins."""
    if name in properties:
        members = {key[0].lower() + key[1:]: value for key, value in properties[name].items()}
        properties = {**properties, name: members}
    return make(properties)


def _with_an_issuer(make: Make, properties: Properties) -> Made:
    if issuer := properties.get("JwtConfiguration", {}).get("Issuer"):
        tokens.discover(issuer)  # its error fails the resource
    return make(properties)
