"""Log groups that the stacks make and that are there already, which CloudFormation would fail on.

SageMaker makes the group of an endpoint that has none, and AWS does not document that the last lines of a deleted
endpoint are written before the group is deleted with its stack (docs/doubts.md).
"""

import boto3
from botocore.exceptions import ClientError

from settings.names import StackSuffix
from tools.assembly import SynthesizedApp
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady
from tools.stack import resources


def free_log_groups(target: Target) -> str:
    """The log groups of the endpoints are the stacks' own, or free."""
    app = target.assembly()
    suffixes: list[StackSuffix] = ["serving", "notebook"] if target.settings.notebook else ["serving"]
    if taken := [name for suffix in suffixes for name in _others(app, suffix)]:
        raise NotReady(
            [
                f"log group {name} is there, and its stack would make it. An earlier endpoint may have left it: "
                f"aws logs delete-log-group --log-group-name {name}"
                for name in taken
            ]
        )
    return "they are the stacks', or free"


def _others(app: SynthesizedApp, suffix: StackSuffix) -> list[str]:
    """Log groups of the stack's template that are there, and not in the stack."""
    groups = resources(app.template(suffix), "AWS::Logs::LogGroup").values()
    held = _held(app.stack(suffix))
    return [name for group in groups if (name := group["LogGroupName"]) not in held and _exists(name)]


def _held(stack: str) -> set[str]:
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        return {each.get("PhysicalResourceId", "") for page in pages for each in page["StackResourceSummaries"]}
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":  # which CloudFormation answers for an unknown stack
            raise
        return set()


def _exists(name: str) -> bool:
    found = boto3.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return name in [group["logGroupName"] for group in found]
