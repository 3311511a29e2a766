"""Stacks that the settings no longer ask for go: who imports before the deploy, who exports after it.

AWS: "Get exported outputs from a deployed CloudFormation stack", CloudFormation user guide: an exported value that a
stack imports can be neither changed nor removed, and the stack that exports it not deleted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest

from tests.local_aws.conftest import Client, client, home, wait_for_stack  # noqa: F401 (fixtures)
from tools.assembly import SynthesizedApp
from tools.deploy.inventory import Deployment
from tools.deploy.obsolete import obsolete, removed


@dataclass
class Stacks:
    """Stacks of the deployment app-dev on local AWS, each with one resource."""

    client: Client
    said: list[str] = field(default_factory=list)

    def make(self, suffix: str, *, exports: str = "", imports: str = "") -> None:
        value: Any = {"Fn::ImportValue": imports} if imports else "v"
        parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
        template: dict[str, Any] = {"Resources": {"P": parameter}}
        if exports:
            template["Outputs"] = {"O": {"Value": "v", "Export": {"Name": exports}}}
        self.client("cloudformation").create_stack(
            StackName=f"app-dev-{suffix}",
            TemplateBody=json.dumps(template),
            Tags=[{"Key": "app", "Value": "app"}, {"Key": "stage", "Value": "dev"}],
        )
        assert wait_for_stack(self.client, f"app-dev-{suffix}") == "CREATE_COMPLETE"

    def names(self) -> list[str]:
        """Suffixes of those that are there."""
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return sorted(
            stack["StackName"].removeprefix("app-dev-") for stack in found if stack["StackName"].startswith("app-dev-")
        )


@pytest.fixture
def stacks(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stacks]:  # noqa: F811 (a fixture)
    monkeypatch.setattr(boto3, "client", lambda service, **_: client(service))
    made = Stacks(client)
    yield made
    for name in reversed(made.names()):
        client("cloudformation").delete_stack(StackName=f"app-dev-{name}")


def test_who_imports_goes_before_the_deploy_and_who_exports_after_it(stacks: Stacks) -> None:
    stacks.make("old-roles", exports="role")
    stacks.make("user", imports="role")
    stacks.make("notebook", imports="role")
    app = cast(SynthesizedApp, type("App", (), {"stacks": ["app-dev-user", "app-dev-roles"]}))
    gone = obsolete(app, Deployment("app", "dev", "000000000000"))
    assert sorted(gone) == ["app-dev-notebook", "app-dev-old-roles"]

    with removed(gone, say=stacks.said.append):
        assert stacks.names() == ["old-roles", "user"]
        stacks.client("cloudformation").delete_stack(StackName="app-dev-user")  # as a deploy stops importing
    assert stacks.names() == []
    assert stacks.said == ["deleting stack app-dev-notebook", "deleting stack app-dev-old-roles"]


def test_after_a_deploy_that_fails_what_others_import_stays(stacks: Stacks) -> None:
    stacks.make("old-roles", exports="role")
    stacks.make("user", imports="role")
    with pytest.raises(RuntimeError), removed(["app-dev-old-roles"], say=stacks.said.append):
        raise RuntimeError
    assert stacks.names() == ["old-roles", "user"]
    assert stacks.said == []
