"""An API for tokens takes the issuer's own, for its audience and in time, and nothing else.

AWS: "Control access to HTTP APIs with JWT authorizers", API Gateway developer guide, "Authorizing API requests with a
JWT authorizer".
"""

import json
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.local_aws.conftest import Client, wait_for_stack
from tests.local_aws.http_api.conftest import Api, MakeApi, by_token, resources
from tests.local_aws.http_api.issuer import Issuer

UNAUTHORIZED = (401, "Unauthorized")
SOMEBODY_ELSES = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def api(make_api: MakeApi, issuer: Issuer) -> Api:
    return make_api(**by_token(issuer.url, "web", "mobile"))


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_a_good_token_reaches_the_function_with_its_claims(api: Api, issuer: Issuer, prefix: str) -> None:
    """AWS: the identity source "can include only the token, or the token prefixed with Bearer"."""
    answer = api.call(authorization=f"{prefix}{issuer.token()}")
    assert answer.status == 200
    assert answer.body["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "somebody"


@pytest.mark.parametrize(
    "claims",
    [{"aud": "mobile"}, {"aud": ["other", "web"]}, {"without": "aud", "client_id": "web"}, {"without": "iat"}],
    ids=str,
)
def test_one_of_the_audiences_is_enough(api: Api, issuer: Issuer, claims: dict[str, str]) -> None:
    """AWS: "API Gateway validates client_id only if aud is not present"."""
    assert api.call(authorization=f"Bearer {issuer.token(**claims)}").status == 200


NOW = int(time.time())
Make = Callable[[Issuer], str]
BAD: dict[str, Make] = {
    "another issuer": lambda issuer: issuer.token(iss="https://127.0.0.1/other"),
    "the issuer with a slash": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "no issuer": lambda issuer: issuer.token(without="iss"),
    "expired": lambda issuer: issuer.token(exp=NOW - 1),
    "for ever": lambda issuer: issuer.token(without="exp"),
    "expires in words": lambda issuer: issuer.token(exp="never"),
    "not yet": lambda issuer: issuer.token(nbf=NOW + 3600),
    "issued tomorrow": lambda issuer: issuer.token(iat=NOW + 86400),
    "another audience": lambda issuer: issuer.token(aud="desktop"),
    "no audience": lambda issuer: issuer.token(without="aud"),
    "a client, but for another audience": lambda issuer: issuer.token(aud="desktop", client_id="web"),
    "signed by somebody else": lambda issuer: issuer.token(key=SOMEBODY_ELSES),
    "not signed": lambda issuer: issuer.token(alg="none"),
    "another algorithm": lambda issuer: issuer.token(alg="HS256"),
    "without its signature": lambda issuer: issuer.token().rpartition(".")[0],
    "with other claims": lambda issuer: ".".join(
        [issuer.token().split(".")[0], issuer.token(sub="root").split(".")[1], issuer.token().split(".")[2]]
    ),
    "no token": lambda issuer: "anything",
    "no JSON": lambda issuer: "e30.e30.e30",
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_another_token_is_refused(api: Api, issuer: Issuer, make: Make) -> None:
    assert api.call(authorization=f"Bearer {make(issuer)}").refusal == UNAUTHORIZED


def test_a_request_without_a_token_is_refused(api: Api) -> None:
    assert api.call().refusal == UNAUTHORIZED


def test_a_signature_of_aws_is_no_token(api: Api) -> None:
    assert api.call(**api.signed()).refusal == UNAUTHORIZED


def test_keys_are_asked_for_by_the_discovery_document_and_kept(api: Api, issuer: Issuer) -> None:
    """AWS: "API Gateway can cache the public key for two hours"."""
    for _ in range(3):
        assert api.call(authorization=f"Bearer {issuer.token()}").status == 200
    assert issuer.asked.count("/tenant/keys") == 1


@pytest.mark.parametrize("path", ["/nothing/here", ""])
def test_an_issuer_without_a_discovery_document_fails_the_stack(client: Client, issuer: Issuer, path: str) -> None:
    """API Gateway asks the issuer when the authorizer is made, in these words:
    https://github.com/haandol/cognito-kakao-example/issues/1."""
    name = f"no-issuer-{len(path)}"
    wrong = issuer.url.removesuffix("/tenant") + path
    template = {"Resources": resources(name, **by_token(wrong, "web"))}
    del template["Resources"]["MayCall"]
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    assert wait_for_stack(client, name) == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any("Issuer must have a valid discovery endpoint" in e.get("ResourceStatusReason", "") for e in events)
