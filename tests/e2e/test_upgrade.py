"""A deployment of another revision is updated by this one, and only what carries a digest of model or code is new.

BASE is the revision; without it, the last release, or else the parent of HEAD. Everything that a setting adds is on,
but for the EC2 instance, which is launched anew for each model.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_aws.home import ACCOUNT, Home
from tools import cdk
from tools.cdk import ROOT
from tools.classify_client import SteadyClient
from tools.dataset.upload import upload
from tools.deploy.inventory import Deployment, stacks_of
from tools.deploy.obsolete import obsolete, removed
from tools.stack import outputs
from training.folder import Folder, digest

from .conftest import QUICK, System

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

# Their names, or the logical ids that the CDK gives them, hold a digest of the model or of the code.
CARRY_A_DIGEST = {
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::Lambda::Version",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
}
# Up to version 0.1.0 their names had no region, and the roles were in a stack that is obsolete now.
GOT_A_REGION = {"AWS::Budgets::Budget", "AWS::CloudWatch::Dashboard", "AWS::IAM::Role"}
# The alarms that roll a deployment back have their configuration's name in theirs.
REPLACED = re.compile(r"\[[-+~]\] (AWS::\S+|Custom::\S+) (?!Rollback).*\b(?:replace|replaced|destroy)$")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the revision BASE, with this tree's wheels."""
    folder = tmp_path_factory.mktemp("base")
    archive = folder / "tree.tar"
    subprocess.run(["git", "archive", "--output", archive, _revision()], cwd=ROOT, check=True)
    with tarfile.open(archive) as tree:
        tree.extractall(folder / "tree", filter="data")
    shutil.copytree(ROOT / "training" / "wheels", folder / "tree" / "training" / "wheels")
    return folder / "tree"


def _revision() -> str:
    if revision := os.environ.get("BASE"):
        return revision
    tag = subprocess.run(["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True)
    return tag.stdout.strip() or "HEAD~1"


def _known(settings: dict[str, str], base: Path) -> dict[str, str]:
    """Settings for a revision that may be older than `augment`, whose only augmentation was `shift`."""
    declared = (base / "training" / "settings.py").read_text()
    return {name: value for name, value in settings.items() if name != "augment" or f" {name}: " in declared}


def _resources(of: Deployment) -> dict[tuple[str, str], dict[str, Any]]:
    """The deployed resources, by stack and logical id."""
    client = boto3.client("cloudformation")
    return {
        (stack.name, resource["LogicalResourceId"]): resource
        for stack in stacks_of(of)
        for resource in client.describe_stack_resources(StackName=stack.name)["StackResources"]
    }


def _new_or_gone(before: Mapping[tuple[str, str], Any], after: Mapping[tuple[str, str], Any]) -> list[dict[str, Any]]:
    """The resources that have a new physical id, or are gone. One that is only there now replaces nothing."""
    return [
        after.get(key) or was
        for key, was in before.items()
        if was["PhysicalResourceId"] != after.get(key, {}).get("PhysicalResourceId")
    ]


def test_an_update_replaces_nothing_but_what_carries_a_digest(aws: Home, digits: Folder, base: Path) -> None:
    settings = {**QUICK, "dataset": digest(digits), "notebook": "true"}
    deploy = ("deploy", "--require-approval", "never", "--progress", "events")
    known = _known(settings, base)
    cdk.run(*deploy, "e2e-dev-storage", context=known, folder=base, on_line=print)
    upload(digits, outputs("e2e-dev-storage")["BucketName"], "files")
    cdk.run(*deploy, "--all", context=known, folder=base, on_line=print)
    system = System(digits, settings)
    endpoint, jobs = system.endpoint(), system.jobs()
    assembly = system.synthesize()
    of = Deployment("e2e", "dev", ACCOUNT)
    old = obsolete(assembly, of)
    before, expected = _resources(of), CARRY_A_DIGEST | (GOT_A_REGION if old else set())

    said = cdk.run("diff", "--all", "--no-change-set", "--app", str(assembly.folder), on_line=print)
    replaced = {found[1] for line in said if (found := REPLACED.match(line.strip()))}
    assert replaced <= expected  # by AWS's own word: what a changed property means for each type

    with SteadyClient("e2e-dev-classify", digits.splits["test"].files) as client, removed(old, say=print):
        system.deploy()

    config = system.endpoint()["EndpointConfigName"]  # a part of the names of the alarms that roll a deployment back
    unexplained = [
        (resource["StackName"], resource["ResourceType"], resource["PhysicalResourceId"])
        for resource in _new_or_gone(before, _resources(of))
        if resource["ResourceType"] not in expected and config not in resource["PhysicalResourceId"]
    ]
    assert unexplained == []
    assert system.endpoint()["EndpointArn"] == endpoint["EndpointArn"]
    assert len(system.jobs()) <= len(jobs) + 1
    assert client.errors == []
    assert client.calls > 3  # it did call
