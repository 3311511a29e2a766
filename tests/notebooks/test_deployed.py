"""The notebook's first cell names the command that mends what the system of PREFIX lacks."""

from typing import Any

import pytest

from notebooks import deployed
from notebooks.deployed import Unusable, connect
from tools.stack import NotDeployed


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "require_aws", lambda: ("000000000000", "us-east-1"))


def test_a_system_that_is_not_deployed_is_told_with_its_own_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    def outputs(stack: str) -> Any:
        raise NotDeployed(f"no stack {stack}")

    monkeypatch.setattr(deployed, "outputs", outputs)
    with pytest.raises(Unusable, match='make deploy DATA=FOLDER SETTINGS="app=cats stage=prod notebook=true"'):
        connect("cats-prod")


def test_an_endpoint_that_is_off_is_told_with_what_switches_on_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "outputs", lambda _: {})
    with pytest.raises(Unusable, match='off: make wake SETTINGS="app=cats stage=prod" switches it on'):
        connect("cats-prod")
