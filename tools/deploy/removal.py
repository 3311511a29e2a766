"""How each kind of what a deployment holds is taken away; doing it again does no harm."""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from botocore.exceptions import WaiterError

from aws.log_groups import NOTEBOOK_INSTANCES, TRAINING_JOBS
from tools.deploy.inventory import RUNNING, Found
from training.errors import ReportedError

Say = Callable[[str], None]

_WAIT = {"Delay": 2, "MaxAttempts": 1800}  # a changing endpoint, or a job that saves its checkpoint, takes time
_KEY_DAYS = 7  # the least that KMS takes: until then the deletion can be cancelled


class NotRemoved(ReportedError):
    """Something is still there; the message says what and why. The same command can be given again."""


def stop_jobs(found: Iterable[Found], say: Say) -> None:
    """End the training and tuning jobs among `found`, and wait until they have."""
    client = boto3.client("sagemaker")
    found = list(found)
    tunings = [each for each in found if each.kind == "tuning job"]
    for job in tunings:
        if _tuning_status(client, job.name) == "InProgress":  # SageMaker refuses to stop what is stopping already
            say(f"stopping {job}")
            client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=job.name)
    for job in tunings:  # first, so that it starts no more training jobs; boto3 has no waiter for it
        for _ in range(_WAIT["MaxAttempts"]):
            if _tuning_status(client, job.name) not in RUNNING:
                break
            time.sleep(_WAIT["Delay"])
    for job in [each for each in found if each.kind == "training job"]:
        if client.describe_training_job(TrainingJobName=job.name)["TrainingJobStatus"] == "InProgress":
            say(f"stopping {job}")
            client.stop_training_job(TrainingJobName=job.name)
        with contextlib.suppress(WaiterError):  # it failed, and that is an end too; one that did not end is told later
            client.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=job.name, WaiterConfig=_WAIT)


def _tuning_status(client: Any, name: str) -> str:
    described = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return str(described["HyperParameterTuningJobStatus"])


def delete_stacks(names: list[str], say: Say) -> None:
    """Delete the stacks, the last first; one that another still needs is tried again after it.

    Raises:
        NotRemoved: with CloudFormation's reasons.
    """
    client = boto3.client("cloudformation")
    waiter = client.get_waiter("stack_delete_complete")
    left = list(names)
    while left:
        failed: dict[str, str] = {}
        for name in left:
            say(f"deleting stack {name}")
            client.delete_stack(StackName=name)
            try:
                waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 3600})
            except WaiterError:
                failed[name] = _why(client, name)
        if list(failed) == left:
            reasons = "\n".join(f"stack {name} is still there: {why}" for name, why in failed.items())
            raise NotRemoved(f"{reasons}\nput that right, and give the same command again")
        left = list(failed)


def _why(client: Any, name: str) -> str:
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [e.get("ResourceStatusReason") for e in events if e["ResourceStatus"] == "DELETE_FAILED"]
    return next((reason for reason in reasons if reason), "no reason given")


def by_creation(names: Iterable[str]) -> list[str]:
    """The stacks, the youngest first: what was made later may need what was made before."""
    client = boto3.client("cloudformation")
    made = {name: client.describe_stacks(StackName=name)["Stacks"][0]["CreationTime"] for name in names}
    return sorted(made, key=lambda name: made[name], reverse=True)


def empty(bucket: str) -> None:
    """Delete every object of the bucket, with all versions."""
    for answer in boto3.resource("s3").Bucket(bucket).object_versions.delete():
        for error in answer.get("Errors", []):
            raise NotRemoved(f"bucket {bucket}: {error['Key']}: {error['Message']}")


def remove(found: Found) -> None:
    """Take away what no stack took: what a service made by itself, or a stack was told to leave, or failed to take."""
    name = found.name
    match found.kind:
        case "scaling target":
            _deregister(name)
        case "endpoint":
            boto3.client("sagemaker").delete_endpoint(EndpointName=name)
            boto3.client("sagemaker").get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=_WAIT)
        case "notebook instance":
            client = boto3.client("sagemaker")
            if client.describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceStatus"] == "InService":
                client.stop_notebook_instance(NotebookInstanceName=name)
                client.get_waiter("notebook_instance_stopped").wait(NotebookInstanceName=name, WaiterConfig=_WAIT)
            client.delete_notebook_instance(NotebookInstanceName=name)
        case "endpoint configuration":
            boto3.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
        case "model":
            boto3.client("sagemaker").delete_model(ModelName=name)
        case "log group":
            boto3.client("logs").delete_log_group(logGroupName=name)
        case "training log":
            boto3.client("logs").delete_log_stream(logGroupName=TRAINING_JOBS, logStreamName=name)
        case "notebook log":
            boto3.client("logs").delete_log_stream(logGroupName=NOTEBOOK_INSTANCES, logStreamName=name)
        case "alarm":
            boto3.client("cloudwatch").delete_alarms(AlarmNames=[name])
        case "bucket":
            empty(name)
            boto3.client("s3").delete_bucket(Bucket=name)
        case "key alias":
            boto3.client("kms").delete_alias(AliasName=name)
        case "key":
            boto3.client("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=_KEY_DAYS)
        case _:
            raise NotRemoved(f"{found} is in no stack any more, and was not made by a service: delete it by hand")


def _deregister(name: str) -> None:
    service, dimension = ("sagemaker", "sagemaker:variant:DesiredInstanceCount")
    if name.startswith("function:"):
        service, dimension = ("lambda", "lambda:function:ProvisionedConcurrency")
    boto3.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=service, ResourceId=name, ScalableDimension=dimension
    )
