"""Helpers that build small templates, and fixtures of the app's own."""

from collections.abc import Mapping
from typing import Any

from tests.stacks.conftest import private, synthesize, templates  # noqa: F401 (fixtures: the synthesized app)


def endpoint(variant: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Template with an endpoint of one variant; `more` are properties of its configuration."""
    name = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
    return stack(
        Config=("AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant], **more}),
        Endpoint=("AWS::SageMaker::Endpoint", {"EndpointConfigName": name}),
    )


def stack(**resources: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Template with the given resources, each as (type, properties)."""
    return {"Resources": {id: {"Type": type_, "Properties": dict(given)} for id, (type_, given) in resources.items()}}
