"""Checks, behind `Custom::LiveEndpoint`, that an endpoint runs the configuration that its stack means it to run.

SageMaker takes a deployment back when an alarm rings, and the endpoint is InService again. AWS does not document that
CloudFormation then fails the stack; one that succeeded would clean up what is live: the old configuration, its model
and its alarms. This resource fails it before that.
"""

from collections.abc import Mapping
from typing import Any


class NotLive(Exception):
    """The endpoint runs another configuration. The message goes into the stack's events."""


def require_live(sagemaker: Any, properties: Mapping[str, str]) -> None:
    """Raise NotLive unless the endpoint `EndpointName` runs the configuration `EndpointConfigName`."""
    name, intended = properties["EndpointName"], properties["EndpointConfigName"]
    endpoint = sagemaker.describe_endpoint(EndpointName=name)
    live = endpoint.get("EndpointConfigName")
    if live != intended:
        reason = endpoint.get("FailureReason", f"the endpoint is {endpoint['EndpointStatus']}")
        raise NotLive(f"{name} runs {live}, not {intended}: SageMaker took the deployment back ({reason})")
