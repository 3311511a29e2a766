"""Helpers that build small templates, and fixtures of the app's own."""

from collections.abc import Mapping
from typing import Any

from tests.stacks.conftest import synthesize, templates  # noqa: F401 (fixtures: the synthesized app)


def stack(**resources: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Template with the given resources, each as (type, properties)."""
    return {"Resources": {id: {"Type": type_, "Properties": dict(given)} for id, (type_, given) in resources.items()}}
