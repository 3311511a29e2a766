"""Removes each kind of resource of a deployment. Every function here may be repeated."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import WaiterError

from tools.deploy.inventory import JOB_LOGS, JOBS, RUNNING, DeployedResource
from tools.stack import describe, is_busy
from training.errors import ReportedError

Say = Callable[[str], None]

_WAIT = {"Delay": 2, "MaxAttempts": 1800}  # an hour: an endpoint may be updating, a job may be saving its checkpoint
_POLL_SECONDS = 1
_KEY_DAYS = 7  # the minimum in KMS; until then the deletion can be cancelled


class NotRemoved(ReportedError):
    """A resource is still there; the message says which and why. The command can be repeated."""


def stop_jobs(found: Iterable[DeployedResource], say: Say) -> None:
    """Stop the training, tuning and scoring jobs among `found`, and wait until they have stopped."""
    client = boto3.client("sagemaker")
    found = list(found)
    tunings = [each for each in found if each.kind == "tuning job"]
    for job in tunings:
        _stop(client, job, say)
    for job in tunings:  # tuning jobs first, as they start training jobs; boto3 has no waiter for them
        _wait_while(partial(_status, client, job), *RUNNING)
    for job in [each for kind in ("training job", "scoring job") for each in found if each.kind == kind]:
        _stop(client, job, say)
        waiter = client.get_waiter(f"{xform_name(JOBS[job.kind])}_completed_or_stopped")
        with contextlib.suppress(WaiterError):  # a failed job has ended too; one that has not is reported later
            waiter.wait(**_named(job), WaiterConfig=_WAIT)


def _stop(client: Any, job: DeployedResource, say: Say) -> None:
    if _status(client, job) == "InProgress":  # SageMaker refuses to stop a job that is stopping already
        say(f"stopping {job}")
        getattr(client, xform_name(f"Stop{JOBS[job.kind]}"))(**_named(job))


def _status(client: Any, job: DeployedResource) -> str:
    api = JOBS[job.kind]
    return str(getattr(client, xform_name(f"Describe{api}"))(**_named(job))[f"{api}Status"])


def _named(job: DeployedResource) -> dict[str, str]:
    return {f"{JOBS[job.kind]}Name": job.name}


def delete_stacks(names: list[str], say: Say) -> None:
    """Delete the stacks in this order; retry those that another stack still imports from, after that one.

    Raises:
        NotRemoved: with CloudFormation's reasons.
    """
    client = boto3.client("cloudformation")
    left = list(names)
    while left:
        failed: dict[str, str] = {}
        for name in left:
            _wait_for_update(name, say)
            say(f"deleting stack {name}")
            token = str(uuid.uuid4())
            client.delete_stack(StackName=name, ClientRequestToken=token)
            if why := _why_not_deleted(client, name, token):
                failed[name] = why
        if list(failed) == left:
            reasons = "\n".join(f"stack {name} is still there: {why}" for name, why in failed.items())
            raise NotRemoved(f"{reasons}\ncorrect that, then run the same command again")
        left = list(failed)


def _wait_for_update(name: str, say: Say) -> None:
    """Wait for the end of an update, in which CloudFormation refuses to delete the stack.

    Raises:
        NotRemoved: it takes over an hour.
    """
    said = False
    for _ in range(_WAIT["MaxAttempts"]):
        status = (describe(name) or {"StackStatus": ""})["StackStatus"]
        if not (is_busy(status) and status.startswith("UPDATE_")):
            return
        if not said:
            say(f"waiting for stack {name}, which is {status}: CloudFormation deletes it afterwards")
            said = True
        time.sleep(_WAIT["Delay"])
    raise NotRemoved(f"stack {name} is still being updated: run the same command again when that has ended")


def _why_not_deleted(client: Any, name: str, token: str) -> str:
    """Wait for the end of a deletion; returns CloudFormation's reason if the stack is still there, else "".

    The deletion of a stack whose exports are in use is cancelled, and the stack has the status of before, which boto3's
    waiter would wait on (https://github.com/USSBA/aws-cft-tools/issues/27).
    """
    while True:
        stack = describe(name)
        if stack is None:
            return ""
        if stack["StackStatus"] != "DELETE_IN_PROGRESS":
            events = client.describe_stack_events(StackName=name)["StackEvents"]
            ours = [event for event in events if event.get("ClientRequestToken") == token]
            for event in ours:
                why = str(event.get("ResourceStatusReason", ""))
                if event["ResourceStatus"] == "DELETE_FAILED" or why.startswith("Delete canceled"):
                    return why or "no reason given"
        time.sleep(_POLL_SECONDS)


def by_creation(names: Iterable[str]) -> list[str]:
    """Sort stacks by creation time, youngest first: a later stack may import from an earlier one."""
    client = boto3.client("cloudformation")
    made = {name: client.describe_stacks(StackName=name)["Stacks"][0]["CreationTime"] for name in names}
    return sorted(made, key=lambda name: made[name], reverse=True)


def empty(bucket: str) -> None:
    """Delete all versions of all objects in the bucket.

    Raises:
        NotRemoved: S3 kept an object.
    """
    for answer in boto3.resource("s3").Bucket(bucket).object_versions.delete():
        for error in answer.get("Errors", []):
            raise NotRemoved(f"bucket {bucket}: {error['Key']}: {error['Message']}")


def remove(found: DeployedResource) -> None:
    """Remove a resource outside of any stack: created by a service, retained by a stack, or left by a failed delete.

    Raises:
        NotRemoved: a kind that only a stack creates, so that its owner is unknown.
    """
    name = found.name
    match found.kind:
        case "scaling target":
            _deregister(name)
        case "endpoint":
            _delete_endpoint(name)
        case "notebook instance":
            _delete_notebook_instance(name)
        case "endpoint configuration":
            boto3.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
        case "model":
            boto3.client("sagemaker").delete_model(ModelName=name)
        case "log group":
            boto3.client("logs").delete_log_group(logGroupName=name)
        case kind if kind in JOB_LOGS:
            boto3.client("logs").delete_log_stream(logGroupName=JOB_LOGS[kind], logStreamName=name)
        case "composite alarm" | "alarm":
            boto3.client("cloudwatch").delete_alarms(AlarmNames=[name])
        case "bucket":
            empty(name)
            boto3.client("s3").delete_bucket(Bucket=name)
        case "key alias":
            boto3.client("kms").delete_alias(AliasName=name)
        case "key":
            boto3.client("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=_KEY_DAYS)
        case _:
            raise NotRemoved(f"{found} is in no stack any more, and no service created it: delete it by hand")


def _delete_endpoint(name: str) -> None:
    client = boto3.client("sagemaker")

    def status() -> str:
        return str(client.describe_endpoint(EndpointName=name)["EndpointStatus"])

    if _wait_while(status, "Creating", "Updating", "SystemUpdating", "RollingBack") != "Deleting":
        client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=_WAIT)


def _delete_notebook_instance(name: str) -> None:
    client = boto3.client("sagemaker")

    def status() -> str:
        return str(client.describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceStatus"])

    settled = _wait_while(status, "Pending", "Updating", "Stopping")
    if settled == "InService":
        client.stop_notebook_instance(NotebookInstanceName=name)
        _wait_while(status, "InService", "Stopping")
    if settled != "Deleting":
        client.delete_notebook_instance(NotebookInstanceName=name)
    client.get_waiter("notebook_instance_deleted").wait(NotebookInstanceName=name, WaiterConfig=_WAIT)


def _wait_while(status: Callable[[], str], *passing: str) -> str:
    """Wait until the status is none of these, an hour at most; returns it."""
    now = status()
    for _ in range(_WAIT["MaxAttempts"]):
        if now not in passing:
            break
        time.sleep(_WAIT["Delay"])
        now = status()
    return now


def _deregister(name: str) -> None:
    service, dimension = ("sagemaker", "sagemaker:variant:DesiredInstanceCount")
    if name.startswith("function:"):
        service, dimension = ("lambda", "lambda:function:ProvisionedConcurrency")
    boto3.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=service, ResourceId=name, ScalableDimension=dimension
    )
