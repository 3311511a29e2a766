"""A stack: what its template declares, and what it says once it is deployed."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from training.errors import ReportedError


class NotDeployed(ReportedError):
    """The stack is not there, or is not complete."""


def describe(stack: str, cloudformation: Any = None) -> dict[str, Any] | None:
    """DescribeStacks's answer for one stack; None if there is no such stack.

    Args:
        cloudformation: client to ask, as clients must not be made in several threads at once; default: a new one.

    Raises:
        ClientError: CloudFormation refused.
    """
    try:
        cloudformation = cloudformation or boto3.client("cloudformation")
        [described] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":  # which CloudFormation answers for an unknown stack
            raise
        return None
    return dict(described)


def is_busy(status: str) -> bool:
    """True if a stack of this status is being changed."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"  # which has change sets alone


def is_own(event: Mapping[str, Any]) -> bool:
    """True if the event is of the stack itself, not of a resource in it."""
    return bool(event.get("PhysicalResourceId") == event["StackId"])


def outputs(stack: str) -> dict[str, str]:
    """The outputs of a deployed stack, by name.

    Raises:
        NotDeployed: there is no such stack, or its first deploy failed.
        ClientError: CloudFormation refused.
    """
    described = describe(stack)
    if described is None:
        raise NotDeployed(
            f"no stack {stack} in this account and region: run make deploy first, or name the deployment with "
            'SETTINGS="app=… stage=…"'
        )
    found = outputs_of(described)
    if not found and not described["StackStatus"].endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE")):
        raise NotDeployed(f"stack {stack} is {described['StackStatus']}: deploy it again")
    return found


def outputs_of(described: Mapping[str, Any]) -> dict[str, str]:
    """The outputs in an answer of `describe`, by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def resources(template: Mapping[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    """Properties of the template's resources of a type, by logical id."""
    return {id: it.get("Properties", {}) for id, it in template["Resources"].items() if it["Type"] == type_}
