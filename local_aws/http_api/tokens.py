"""JSON Web Tokens: what an HTTP API's authorizer takes besides a good signature, which MiniStack checks.

Sources: "Control access to HTTP APIs with JWT authorizers" and "Quotas for configuring and running an HTTP API", API
Gateway developer guide. Keys are fetched from the issuer, by its discovery document alone, over TLS. A loopback issuer
presents the certificate of the local AWS, which is trusted beside the system's.
"""

import asyncio
import json
import ssl
import time
import urllib.request
from typing import Any

from ministack.core import tls
from ministack.services import apigateway

from local_aws.http_api.response import access, message

_SECONDS = 1.5  # of the discovery endpoint and of the key set's
_MAX_BYTES = 150_000
_CACHE_SECONDS = 2 * 3600
_TIMES = ("exp", "nbf", "iat")

_validate_original = apigateway._validate_jwt_authorizer
_documents: dict[str, tuple[float, dict[str, Any]]] = {}  # by URL, with the time until which they are kept


class IssuerError(Exception):
    """The issuer cannot be asked; the message says why."""


def install() -> None:
    """Check tokens as AWS does."""
    apigateway._validate_jwt_authorizer = _validate
    apigateway._resolve_jwks_url = _jwks_url
    apigateway._fetch_jwks = _fetch


def discover(issuer: str) -> dict[str, Any]:
    """Fetch the issuer's discovery document; blocks.

    Raises:
        IssuerError: in the words of API Gateway (https://github.com/haandol/cognito-kakao-example/issues/1).
    """
    url = _discovery(issuer)
    try:
        document = _get(url)
        if not isinstance(document.get("jwks_uri"), str):
            raise ValueError("it has no jwks_uri")
    except (OSError, ValueError) as error:
        raise IssuerError(
            f"Caught exception when connecting to {url} for issuer {issuer}. Please try again later. Error: Invalid "
            f"issuer: {issuer}. Issuer must have a valid discovery endpoint ended with "
            f"'/.well-known/openid-configuration' ({error})"
        ) from error
    return document


async def _validate(
    route: dict[str, Any], authorizer: dict[str, Any], headers: dict[str, str], query: dict[str, Any]
) -> Any:
    token = apigateway._extract_token_from_identity_source(authorizer["identitySource"], headers, query)
    if reason := _unacceptable(token):
        access.get()["authorizer.error"] = reason
        return None, None, message(401, "Unauthorized")
    claims, scopes, refused = await _validate_original(route, authorizer, headers, query)
    if refused:
        access.get()["authorizer.error"] = "signature, issuer, audience or time is not as configured"
    else:
        access.get()["authorizer.claims.sub"] = claims.get("sub")
    return claims, scopes, refused


def _unacceptable(token: str | None) -> str:
    """Reason why a token is refused before its signature is checked; empty if it is not."""
    if not token:
        return "there is no token"
    try:
        header, claims = (json.loads(apigateway._b64url_decode(part)) for part in token.split(".")[:2])
        if header.get("alg") != "RS256":
            return "only RS256 is supported"
        times = {name: claims[name] for name in _TIMES if name in claims}
    except (AttributeError, ValueError):
        return "it is not a JSON Web Token"
    if "exp" not in times:
        return "it never expires"
    bad = [name for name, value in times.items() if isinstance(value, bool) or not isinstance(value, int | float)]
    return f"{', '.join(bad)} is no number" if bad else ""


async def _jwks_url(authorizer: dict[str, Any]) -> str | None:
    """Address of the issuer's keys; None, so that no token is good, if the issuer cannot be asked."""
    try:
        document = await _fetch(_discovery(authorizer["jwtConfiguration"]["issuer"]))
    except (OSError, ValueError):
        return None
    found = document.get("jwks_uri")
    return found if isinstance(found, str) else None


def _discovery(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


async def _fetch(url: str) -> dict[str, Any]:
    """A JSON object of the issuer, at most two hours old."""
    until, document = _documents.get(url, (0.0, {}))
    if until < time.monotonic():
        document = await asyncio.to_thread(_get, url)
        _documents[url] = (time.monotonic() + _CACHE_SECONDS, document)
    return document


def _get(url: str) -> dict[str, Any]:
    if not url.startswith("https://"):
        raise ValueError(f"{url} is not https")
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(tls.resolve_tls_material()[0])
    with urllib.request.urlopen(url, timeout=_SECONDS, context=trusted) as answer:  # noqa: S310 (https, see above)
        content = answer.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{url} is longer than {_MAX_BYTES} bytes")
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"{url} is no JSON object")
    return document
