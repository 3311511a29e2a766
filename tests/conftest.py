"""Before any test imports aws_cdk: which Node; after collection: the slow tests go last."""

import pytest

from tools.node import use_locked_node

use_locked_node()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)
