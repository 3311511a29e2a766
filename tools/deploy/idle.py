"""Refuses to deploy over another deploy: CloudFormation does one operation on a stack at a time."""

from collections.abc import Iterable

import boto3
from botocore.exceptions import ClientError

from training.errors import ReportedError

# CloudFormation's words: https://github.com/remind101/empire/issues/932.
REFUSED = "_IN_PROGRESS state and can not be updated"


class StackBusy(ReportedError):
    """A stack is being changed; the message says which and since when."""


def require_idle(stacks: Iterable[str]) -> None:
    """Raises StackBusy if one of the stacks is being changed."""
    client = boto3.client("cloudformation")
    for name in stacks:
        try:
            [stack] = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":  # CloudFormation's for an unknown stack
                raise
            continue
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            since = stack.get("LastUpdatedTime", stack["CreationTime"])
            raise StackBusy(
                f"stack {name} is being changed since {since:%Y-%m-%d %H:%M:%S %Z} ({status}), by another deploy or "
                "one that was interrupted: deploy again when it is done. This one changed nothing"
            )
