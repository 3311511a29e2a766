"""Fixtures for the tests of EC2."""

from uuid import uuid4

import pytest


@pytest.fixture
def unique() -> str:
    return f"train-{uuid4().hex[:8]}"
