"""The EC2 instance that trains stays in the zone that was found before anything was deployed."""

from types import SimpleNamespace
from typing import Any

import pytest

from tools.cdk import CdkFailed
from tools.prove.steps import machines


class System:
    """The part of a ProvedSystem that these steps use; `deploys` has the settings of each deploy."""

    local = True
    facts = {"preflight": {"zone": "euw1-az2"}}  # noqa: RUF012

    def __init__(self) -> None:
        self.deploys: list[tuple[str, dict[str, str]]] = []
        self.settings = SimpleNamespace(app="slipway", stage="prove")

    def deploy(self, stack: str, **changes: str) -> None:
        self.deploys.append((stack, changes))
        if changes.get("dataset") == machines.EC2_FAILED["dataset"]:
            raise CdkFailed("no images")

    def outputs(self, _: str) -> dict[str, str]:
        return {"Trained": "yes"}


@pytest.mark.parametrize("step", [machines.ec2, machines.ec2_failed])
def test_each_deploy_with_the_instance_names_its_zone(monkeypatch: pytest.MonkeyPatch, step: Any) -> None:
    """Without it the subnet would be made anew, in a zone of EC2's choice."""
    monkeypatch.setattr(machines, "_running", lambda _: None)
    monkeypatch.setattr(machines.boto3, "client", lambda _: None)
    system = System()
    step(system)
    assert system.deploys
    assert {changes["ec2_zone_id"] for _, changes in system.deploys} == {"euw1-az2"}
