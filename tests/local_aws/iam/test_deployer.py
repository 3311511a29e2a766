"""Stacks that CloudFormation makes, changes, rolls back and removes with the policies of `make deployer-policy`."""

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from iam.globs import matches
from iam.resolve import Template
from iam.template import load
from local_aws.calls import Call, read
from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tests.iam.conftest import synthesize
from tests.local_aws.conftest import Client, make_role, wait_for_stack
from tools.deployer_policy.derive import resources
from tools.deployer_policy.needs import LOCAL, DeployPlace, Need, together
from tools.deployer_policy.policies import documents

SEED, REMOVALS = 19, 5
APP = {"app": "deployer", "notebook": True, "keep_data": False}
STACKS = ("deployer-dev-storage", "deployer-dev-roles", "deployer-dev-notebook")


@pytest.fixture(scope="module")
def templates(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String", Overwrite=True)
    return load(synthesize(tmp_path_factory.mktemp("cdk.out"), **APP))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return load(synthesize(tmp_path_factory.mktemp("cdk.out"), **APP, tags="team=birds", notebook_idle_minutes=30))


def needs_of(templates: dict[str, Template]) -> list[Need]:
    return together(resources(templates, DeployPlace(ACCOUNT, DEFAULT_REGION)))


def deployer(client: Client, name: str, needs: Iterable[Need]) -> str:
    """ARN of a role of CloudFormation's that has these permissions."""
    role = make_role(client, name, "cloudformation.amazonaws.com")
    for number, document in enumerate(documents(needs)):
        made = client("iam").create_policy(PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(document))
        client("iam").attach_role_policy(RoleName=name, PolicyArn=made["Policy"]["Arn"])
    return role


def change(client: Client, verb: str, stack: str, template: Template | None, role: str) -> str:
    """Status of the stack after the operation."""
    request: dict[str, Any] = {"StackName": stack, "RoleARN": role}
    if template is not None:
        request |= {"TemplateBody": json.dumps(template), "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    stack_id = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackId"] if not template else ""
    getattr(client("cloudformation"), f"{verb}_stack")(**request)
    return wait_for_stack(client, stack_id or stack)


def calls(home: Home, role: str) -> list[Call]:
    return [call for call in read(home.calls) if call.role == role]


def test_stacks_are_made_changed_rolled_back_and_removed(
    client: Client, home: Home, templates: dict[str, Template], changed: dict[str, Template]
) -> None:
    needs = needs_of(templates)
    role = deployer(client, "deployer", needs)

    for stack in STACKS:
        assert change(client, "create", stack, templates[stack], role) == "CREATE_COMPLETE"
    for stack in STACKS:
        assert change(client, "update", stack, changed[stack], role) == "UPDATE_COMPLETE"
    broken = json.loads(json.dumps(templates[STACKS[2]]))
    [instance] = [r for r in broken["Resources"].values() if r["Type"] == "AWS::SageMaker::NotebookInstance"]
    instance["Properties"]["InstanceType"] = "ml.none.large"
    assert change(client, "update", STACKS[2], broken, role) == "UPDATE_ROLLBACK_COMPLETE"
    for stack in reversed(STACKS):
        assert change(client, "delete", stack, None, role) == "DELETE_COMPLETE"

    asked, local = calls(home, "deployer"), [need for need in needs if LOCAL in need.asked_by]
    assert [call for call in asked if not call.allowed] == []
    assert [call for call in asked if not any(_covers(need, call.action, call.resource) for need in local)] == []


def test_without_any_line_that_local_aws_asked_for_a_stack_is_not_made(
    client: Client, home: Home, templates: dict[str, Template]
) -> None:
    stack, needs = STACKS[0], needs_of(templates)
    whole = deployer(client, "deployer-whole", needs)
    assert change(client, "create", stack, templates[stack], whole) == "CREATE_COMPLETE"
    recorded = sorted({(call.action, call.resource) for call in calls(home, "deployer-whole")})
    assert change(client, "delete", stack, None, whole) == "DELETE_COMPLETE"

    for number, (action, resource) in enumerate(random.Random(SEED).sample(recorded, REMOVALS)):
        left = [need for need in needs if not _covers(need, action, resource)]
        less = deployer(client, f"deployer-{number}", left)
        status = change(client, "create", stack, templates[stack], less)
        assert status.startswith("ROLLBACK_"), action
        assert (action, False) in {(call.action, call.allowed) for call in calls(home, f"deployer-{number}")}
        assert change(client, "delete", stack, None, whole) == "DELETE_COMPLETE"


def _covers(need: Need, action: str, resource: str) -> bool:
    return need.action == action and matches(need.resource, resource)
