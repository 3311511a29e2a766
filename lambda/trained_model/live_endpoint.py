"""Looks at an endpoint before and after its deployment.

`Custom::ExistingEndpoint` tells its stack whether there is one. `Custom::LiveEndpoint` checks that it runs the
configuration that its stack means it to run: SageMaker takes a deployment back when an alarm rings, and the endpoint is
InService again. AWS does not document that CloudFormation then fails the stack; one that succeeded would clean up what
is live: the old configuration, its model and its alarms. This resource fails it before that.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

OF_ENDPOINTS = {"Custom::ExistingEndpoint": "existing-endpoint", "Custom::LiveEndpoint": "live-endpoint"}
"""Physical id of each type of resource here."""


class NotLive(Exception):
    """The endpoint runs another configuration. The message goes into the stack's events."""


def look(sagemaker: Any, event: Mapping[str, Any]) -> dict[str, str]:
    """Carry out CloudFormation's request; returns the resource's attributes. Raises NotLive."""
    if event["RequestType"] == "Delete":
        return {}
    if event["ResourceType"] == "Custom::ExistingEndpoint":
        return {"Exists": "true" if _exists(sagemaker, event["ResourceProperties"]["EndpointName"]) else "false"}
    _require_live(sagemaker, event["ResourceProperties"])
    return {}


def _exists(sagemaker: Any, endpoint: str) -> bool:
    try:
        sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise
        return False
    return True


def _require_live(sagemaker: Any, properties: Mapping[str, str]) -> None:
    """Raise NotLive unless the endpoint `EndpointName` runs the configuration `EndpointConfigName`."""
    name, intended = properties["EndpointName"], properties["EndpointConfigName"]
    endpoint = sagemaker.describe_endpoint(EndpointName=name)
    live = endpoint.get("EndpointConfigName")
    if live != intended:
        reason = endpoint.get("FailureReason", f"the endpoint is {endpoint['EndpointStatus']}")
        raise NotLive(f"{name} runs {live}, not {intended}: SageMaker took the deployment back ({reason})")
