"""Permissions that an app needs if everything is switched on that brings a type of resource."""

from pathlib import Path

import pytest

from iam.template import load
from tests.iam.conftest import EVERYTHING, synthesize
from tools.deployer_policy.derive import resources
from tools.deployer_policy.needs import DeployPlace, Need, ResourceNeeds, together

PLACE = DeployPlace("111122223333", "eu-west-1")


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("cdk.out"), **EVERYTHING)


@pytest.fixture(scope="session")
def found(app: Path) -> list[ResourceNeeds]:
    return resources(load(app), PLACE)


@pytest.fixture(scope="session")
def needs(found: list[ResourceNeeds]) -> list[Need]:
    return together(found)
