"""CloudFormation's role with the policies of `make deployer-policy` alone: what it can, and what it needs."""

import itertools
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path

import boto3
import pytest

from iam.globs import matches
from iam.template import load
from local_aws.calls import Call, read
from local_aws.home import ACCOUNT, DEFAULT_REGION, Home
from tools import cdk
from tools.cdk import CdkFailed
from tools.deploy.destroy import destroy
from tools.deploy.inventory import Deployment
from tools.deploy.stacks import deploy_everything
from tools.deployer_policy.derive import resources
from tools.deployer_policy.needs import LOCAL, DeployPlace, Need, together
from tools.deployer_policy.policies import documents
from training.folder import Folder, digest

from .conftest import QUICK, System

pytestmark = pytest.mark.e2e

DEPLOYER = f"cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{DEFAULT_REGION}"
SEED = os.environ.get("SEED", "19")
REMOVALS = 5


@pytest.fixture(scope="module")
def system(aws: Home, digits: Folder) -> System:
    """Not deployed yet."""
    return System(digits, {**QUICK, "dataset": digest(digits), "notebook": "true", "api": "iam"})


@pytest.fixture(scope="module")
def needs(system: System) -> list[Need]:
    return together(resources(load(system.synthesize().folder), DeployPlace(ACCOUNT, DEFAULT_REGION)))


_numbers = itertools.count(1)


def made(needs: Iterable[Need]) -> list[str]:
    """ARNs of new managed policies with these permissions."""
    iam = boto3.client("iam")
    return [
        iam.create_policy(PolicyName=f"deployer-{next(_numbers)}", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
        for document in documents(needs)
    ]


def give(policies: list[str]) -> None:
    """Attach these policies to CloudFormation's role, and no others."""
    iam = boto3.client("iam")
    for attached in given():
        iam.detach_role_policy(RoleName=DEPLOYER, PolicyArn=attached)
    for policy in policies:
        iam.attach_role_policy(RoleName=DEPLOYER, PolicyArn=policy)


def given() -> list[str]:
    attached = boto3.client("iam").list_attached_role_policies(RoleName=DEPLOYER)["AttachedPolicies"]
    return [policy["PolicyArn"] for policy in attached]


def calls(aws: Home) -> list[Call]:
    return [call for call in read(aws.calls) if call.role == DEPLOYER]


def removed() -> None:
    assert destroy(Deployment("e2e", "dev", ACCOUNT), keep_data=False, say=lambda _: None) == []


@pytest.mark.long  # a whole deploy, an update, one that is rolled back, and a removal
def test_with_it_a_deploy_an_update_a_roll_back_and_a_removal_work(
    system: System, needs: list[Need], aws: Home, tmp_path: Path
) -> None:
    """`cdk bootstrap --cloudformation-execution-policies`: "Customize CDK bootstrapping", CDK developer guide."""
    policies = made(needs)
    target = f"aws://{ACCOUNT}/{DEFAULT_REGION}"
    cdk.run("bootstrap", target, "--cloudformation-execution-policies", ",".join(policies), folder=tmp_path)
    assert sorted(given()) == sorted(policies)
    assert calls(aws) == []

    deploy_everything(system.synthesize(), system.images, layout="files", say=lambda _: None)
    live = system.endpoint()
    system.deploy(tags="team=birds", log_retention_days="60", lambda_memory_mb="2048")
    with pytest.raises(CdkFailed, match="under the floor"):
        system.deploy("trained-model", accuracy_floor="1")
    assert system.endpoint()["EndpointArn"] == live["EndpointArn"]
    removed()

    asked = calls(aws)
    assert [call for call in asked if not call.allowed] == []
    assert [call for call in asked if not any(covers(need, call) for need in needs)] == []
    assert len({call.action for call in asked}) > 50  # it was asked


def covers(need: Need, call: Call) -> bool:
    """The policies say that local AWS asks for it."""
    return LOCAL in need.asked_by and need.action == call.action and matches(need.resource, call.resource)


@pytest.mark.soak  # a deploy, and five that fail
def test_without_any_line_that_a_deploy_was_asked_for_it_fails(system: System, needs: list[Need], aws: Home) -> None:
    give(made(needs))
    before = len(calls(aws))
    deploy_everything(system.synthesize(), system.images, layout="files", say=lambda _: None)
    asked = {(call.action, call.resource) for call in calls(aws)[before:]}
    recorded = sorted(each for each in asked if each[0] != "iam:CreateServiceLinkedRole")  # which stay in the account
    removed()

    for action, resource in random.Random(SEED).sample(recorded, REMOVALS):
        print(f"seed {SEED}: without {action} on {resource}")
        left = [need for need in needs if not (need.action == action and matches(need.resource, resource))]
        assert len(left) < len(needs)
        give(made(left))
        with pytest.raises(CdkFailed):
            deploy_everything(system.synthesize(), system.images, layout="files", say=lambda _: None)
        assert (action, False) in {(call.action, call.allowed) for call in calls(aws)}
        give(made(needs))
        removed()
