"""Names the one reason why a deploy failed, and the one step that follows from it."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from aws.log_groups import TRAINING_JOBS
from settings.names import job_output
from tools.assembly import SynthesizedApp
from tools.cdk import CdkFailed
from tools.deploy.inventory import pages
from tools.deploy.narration import FAILED_EVENT
from tools.stack import is_own

_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
_SIGNALLED = re.compile(r"WaitCondition received failed message: '(.*)' for uniqueId: ", re.DOTALL)
# The messages of lambda/trained_model.
_UNDER_FLOOR = re.compile(
    r"(balanced |lowest class's )?test accuracy (\S+) is under the floor (\S+) \(training job (\S+?)\)"
)
_JOB_ENDED = re.compile(r"(?:training|tuning) job (\S+) (?:failed|stopped): ")


class DeployFailed(CdkFailed):
    """A deploy that CloudFormation took back; the message has its reason, and the next step on a line of its own."""


@contextmanager
def one_reason(assembly: SynthesizedApp, bucket: str) -> Iterator[None]:
    """Replace what the CDK prints about a failure within by CloudFormation's own reason.

    Raises:
        DeployFailed: CloudFormation gave the reason.
        CdkFailed: it failed elsewhere, for example as an image was built; the lines of the CDK say why.
    """
    try:
        yield
    except CdkFailed as failed:
        found = [stack for stack in FAILED_EVENT.findall(str(failed)) if stack in assembly.stacks]
        why = found and first_failure(found[0])
        if not why:
            raise
        raise DeployFailed([f"stack {found[0]}: {why}\nnext: {next_step(why, bucket)}"]) from failed


def first_failure(stack: str) -> str:
    """The reason of the first failure in a stack's last operation, as all later ones follow from it; "" without one."""
    first = ""
    try:
        for event in pages("cloudformation", "describe_stack_events", "StackEvents", StackName=stack):
            status, why = event["ResourceStatus"], event.get("ResourceStatusReason", "")
            if is_own(event) and status in _BEGINNINGS:
                break
            if status.endswith("_FAILED") and not is_own(event) and "cancelled" not in why:
                first = f"{event['LogicalResourceId']}: {why}"
    except (BotoCoreError, ClientError):
        return ""
    signalled = _SIGNALLED.search(first)
    return signalled[1] if signalled else first.strip()


def next_step(why: str, bucket: str) -> str:
    """The step that follows from the reason of a failure."""
    if found := _UNDER_FLOOR.search(why):
        # The message rounds it, and what is rounded up would be a floor over it.
        floor = max(math.floor(float(found[2]) * 1000 - 0.1) / 1000, 0)
        picture, better = "mistakes.png", "change epochs, learning_rate, architecture or the images"
        if found[1]:
            picture, better = "confusion.png", "add images of the classes that are hardly recognised"
        setting = "class_accuracy_floor" if found[1] == "lowest class's " else "accuracy_floor"
        mistakes = f"aws s3 cp s3://{bucket}/{job_output(found[4])} - | tar xz {picture}"
        return (
            f"look at the mistakes, {mistakes}, then {better}, "
            f"or accept this model: run the same command with {setting}={floor:g} in SETTINGS"
        )
    if found := _JOB_ENDED.search(why):
        return (
            "correct that and run the same command again; the log of the job: "
            f"aws logs tail {TRAINING_JOBS} --since 1d --log-stream-name-prefix {found[1]}"
        )
    return (
        "correct that and run the same command again: CloudFormation has put back that stack; those before it stay as "
        "they are now"
    )
