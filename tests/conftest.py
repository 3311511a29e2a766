"""Before any test imports aws_cdk: which Node, and no stage's file; after collection: the slow tests go first."""

import os

import pytest

from tools.node import use_locked_node

use_locked_node()
os.environ["SLIPWAY_STAGES"] = os.devnull  # a developer's own stages are not what is tested


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that all workers are busy to the end."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
