"""Before any test imports aws_cdk: Node, and no developer's variables; after collection: slow tests go first."""

import os

import pytest

from tools.node import use_locked_node

use_locked_node()
for _name in [name for name in os.environ if name.startswith(("AWS_", "CDK_", "SLIPWAY_"))]:
    del os.environ[_name]  # a developer's own account, region and local AWS are not what is tested
os.environ["SLIPWAY_STAGES"] = os.devnull  # nor are the stages


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that all workers are busy to the end."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
