"""A deploy to be checked, and an AWS that answers what a test says."""

from collections.abc import Callable
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from settings import read_settings
from tests.defaults import DEFAULTS
from tools.assembly import SynthesizedApp
from tools.deploy.preflight.target import Target

ACCOUNT, REGION = "123456789012", "eu-west-1"

Aws = Callable[[str], Stubber]


class Assembly:
    """A synthesized app, as far as checks look at it."""

    def __init__(self, serving: dict[str, Any] | None = None, bootstrap: tuple[str, int] = ("hnb659fds", 6)) -> None:
        self._serving, self.bootstrap = serving or {"Resources": {}}, bootstrap

    def stack(self, suffix: str) -> str:
        return f"slipway-dev-{suffix}"

    def template(self, suffix: str) -> dict[str, Any]:
        assert suffix == "serving"
        return self._serving


def target(assembly: Assembly | None = None, **settings: Any) -> Target:
    app = cast(SynthesizedApp, assembly or Assembly())
    return Target(read_settings(DEFAULTS | settings), ACCOUNT, REGION, lambda: app)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The stub of each service by name. What a check asks must be what the test expects, in its order."""
    stubs: dict[str, Stubber] = {}
    make = boto3.client

    def stub(service: str) -> Stubber:
        if service not in stubs:
            client: Any = make(service, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")  # type: ignore[call-overload]
            stubs[service] = Stubber(client)
            stubs[service].activate()
        return stubs[service]

    monkeypatch.setattr(boto3, "client", lambda service, **_: stub(service).client)
    return stub
