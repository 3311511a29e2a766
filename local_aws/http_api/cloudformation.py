"""CloudFormation types of HTTP APIs, where MiniStack keeps a template's names instead of the API's.

An authorizer's issuer is asked when it is made, as API Gateway does.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

from local_aws.http_api import tokens

AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
_NESTED = {"AWS::ApiGatewayV2::Api": ["CorsConfiguration"], "AWS::ApiGatewayV2::Stage": ["DefaultRouteSettings"]}

Handler = Callable[..., Any]


def install() -> None:
    """Correct the handlers of APIs, stages and authorizers."""
    for type_, properties in _NESTED.items():
        handlers = provisioners._RESOURCE_HANDLERS[type_]
        handlers["create"] = _renaming(handlers["create"], properties, at=1)
        handlers["update"] = _renaming(handlers["update"], properties, at=2)
    handlers = provisioners._RESOURCE_HANDLERS[AUTHORIZER]
    handlers["create"] = _asking_the_issuer(handlers["create"], at=1)
    handlers["update"] = _asking_the_issuer(handlers["update"], at=2)


def _renaming(handler: Handler, properties: list[str], *, at: int) -> Handler:
    """Rename the members of `properties` from AllowOrigins to allowOrigins, in the argument `at`."""

    def handle(*arguments: Any, **named: Any) -> Any:
        given = dict(arguments[at])
        for name in properties:
            if name in given:
                given[name] = {key[0].lower() + key[1:]: value for key, value in given[name].items()}
        return handler(*arguments[:at], given, *arguments[at + 1 :], **named)

    return handle


def _asking_the_issuer(handler: Handler, *, at: int) -> Handler:
    def handle(*arguments: Any, **named: Any) -> Any:
        issuer = arguments[at].get("JwtConfiguration", {}).get("Issuer")
        if issuer:
            tokens.discover(issuer)  # its error fails the resource
        return handler(*arguments, **named)

    return handle
