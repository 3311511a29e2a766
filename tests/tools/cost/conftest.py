"""Small templates, and the app's own."""

from collections.abc import Mapping
from typing import Any

from tests.stacks.conftest import synthesize, templates  # noqa: F401 (fixtures: the synthesized app)


def stack(**resources: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A template of resources, each its type and properties."""
    return {"Resources": {id: {"Type": type_, "Properties": dict(given)} for id, (type_, given) in resources.items()}}
