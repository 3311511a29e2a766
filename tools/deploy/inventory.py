"""Lists all resources of one deployment in an account, by asking each service and not CloudFormation alone.

Names that we choose begin with `<app>-<stage>-`, a prefix that no other deployment has. Resources that AWS names are
recognized by the tags `app` and `stage`.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

from aws.log_groups import (
    NOTEBOOK_INSTANCES,
    PROCESSING_JOBS,
    TRAINING_JOBS,
    api_log_group,
    endpoint_log_group,
    function_log_group,
)
from aws.resource_types import BUDGET, lacks
from settings.names import RoleSuffix, access_log_bucket, bucket_name, regional

# Listings of resources whose names begin with the prefix: kind, service, operation, its items, and an item's name.
_NAMED = (
    ("endpoint", "sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    ("notebook instance", "sagemaker", "list_notebook_instances", "NotebookInstances", "NotebookInstanceName"),
    ("function", "lambda", "list_functions", "Functions", "FunctionName"),
    ("rule", "events", "list_rules", "Rules", "Name"),
)
# Listings of a whole account, those of every region in them; at last the names that ours have, after the prefix.
_GLOBAL = (
    ("role", "iam", "list_roles", "Roles", "RoleName", get_args(RoleSuffix)),
    ("instance profile", "iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName", ["ec2-training"]),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName", [""]),
    ("budget", "budgets", "describe_budgets", "Budgets", "BudgetName", ["monthly"]),
)
# The account has one group of each kind, which the jobs and notebooks of all teams write to; ours are streams in it.
JOB_LOGS = {"training log": TRAINING_JOBS, "scoring log": PROCESSING_JOBS, "notebook log": NOTEBOOK_INSTANCES}
# Jobs, and the word of SageMaker's API that is in the names of their operations and fields.
JOBS = {"training job": "TrainingJob", "tuning job": "HyperParameterTuningJob", "scoring job": "ProcessingJob"}
RUNNING = ("InProgress", "Stopping")  # statuses of jobs that bill


@dataclass(frozen=True, order=True)
class DeployedResource:
    """A resource in the account: its kind, and its name or id as its service takes it."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Deployment:
    """The deployment `<app>-<stage>`, in the account and region that the environment names."""

    app: str
    stage: str
    account: str

    @property
    def region(self) -> str:
        """The region that the environment names."""
        return str(boto3.session.Session().region_name)

    @property
    def prefix(self) -> str:
        """`<app>-<stage>-`, the prefix of its names."""
        return f"{self.app}-{self.stage}-"

    def owns(self, tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> bool:
        """True if these tags are of this deployment."""
        given = {tag[key]: tag[value] for tag in tags}
        return (given.get("app"), given.get("stage")) == (self.app, self.stage)

    def find(self) -> list[DeployedResource]:
        """All its resources, sorted by kind and name."""
        return sorted(
            found
            for search in (_named, _global, stacks_of, _sagemaker, _apis, _logs, _watching, _scaling, _data, _ec2)
            for found in search(self)
        )


def pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """Iterate over the items of a paginated listing."""
    for page in boto3.client(service).get_paginator(operation).paginate(**arguments):  # type: ignore[call-overload]
        yield from page.get(key, [])


@contextlib.contextmanager
def _unless(code: str) -> Iterator[None]:
    """Ignore a ClientError with this code."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def _named(of: Deployment, *kinds: str) -> Iterator[DeployedResource]:
    for kind, service, operation, items, name in _NAMED:
        for item in pages(service, operation, items) if not kinds or kind in kinds else ():
            if item[name].startswith(of.prefix):
                yield DeployedResource(kind, item[name])


def endpoints(of: Deployment) -> Iterator[DeployedResource]:
    """Its endpoints."""
    return _named(of, "endpoint")


def _global(of: Deployment) -> Iterator[DeployedResource]:
    """Find resources that an account has, by the region in their names; earlier versions had none in them."""
    for kind, service, operation, items, name, suffixes in _GLOBAL:
        old = {f"{of.prefix}{suffix}".rstrip("-") for suffix in suffixes}
        ours = old | {regional(each, of.region) for each in old}
        billing = service == "budgets"
        if billing and lacks(of.region, BUDGET):  # none is made there, and a partition may have no such service
            continue
        # Few may see billing in an organisation's account; the operations stack removes its budget by itself.
        with _unless("AccessDeniedException") if billing else contextlib.nullcontext():
            for item in pages(service, operation, items, **({"AccountId": of.account} if billing else {})):
                if item[name] in ours:
                    yield DeployedResource(kind, item[name])


def stacks_of(of: Deployment) -> Iterator[DeployedResource]:
    """The stacks of a deployment."""
    for stack in pages("cloudformation", "describe_stacks", "Stacks"):
        if stack["StackName"].startswith(of.prefix) and of.owns(stack.get("Tags", [])):
            yield DeployedResource("stack", stack["StackName"])


def running_jobs(of: Deployment) -> Iterator[DeployedResource]:
    """Training, tuning and scoring jobs that run, or stop."""
    for kind, api in JOBS.items():
        listed = pages("sagemaker", xform_name(f"List{api}s"), f"{api}Summaries", NameContains=of.prefix)
        for job in listed:
            if job[f"{api}Name"].startswith(of.prefix) and job[f"{api}Status"] in RUNNING:
                yield DeployedResource(kind, job[f"{api}Name"])


def _sagemaker(of: Deployment) -> Iterator[DeployedResource]:
    yield from running_jobs(of)
    # CloudFormation generates the names of these two.
    client = boto3.client("sagemaker")
    for kind, api in (("endpoint configuration", "EndpointConfig"), ("model", "Model")):
        for found in pages("sagemaker", xform_name(f"List{api}s"), f"{api}s"):
            with _unless("AccessDeniedException"):  # another team's may be shut to this caller
                if of.owns(client.list_tags(ResourceArn=found[f"{api}Arn"])["Tags"]):
                    yield DeployedResource(kind, found[f"{api}Name"])


def _apis(of: Deployment) -> Iterator[DeployedResource]:
    # AWS generates their ids, and their names need not be unique.
    for api in pages("apigatewayv2", "get_apis", "Items"):
        if of.owns([{"Key": key, "Value": value} for key, value in api.get("Tags", {}).items()]):
            yield DeployedResource("HTTP API", api["ApiId"])


def _logs(of: Deployment) -> Iterator[DeployedResource]:
    for start in (function_log_group(of.prefix), endpoint_log_group(of.prefix), api_log_group(of.prefix)):
        for group in pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=start):
            yield DeployedResource("log group", group["logGroupName"])
    for kind, name in JOB_LOGS.items():
        with _unless("ResourceNotFoundException"):  # the account has had no job, or no notebook
            named = {"logGroupName": name, "logStreamNamePrefix": of.prefix}
            for stream in pages("logs", "describe_log_streams", "logStreams", **named):
                yield DeployedResource(kind, stream["logStreamName"])


def _watching(of: Deployment) -> Iterator[DeployedResource]:
    # Target tracking names its alarms after the scaled resource.
    for start in (of.prefix, f"TargetTracking-endpoint/{of.prefix}", f"TargetTracking-function:{of.prefix}"):
        for kind, type_ in (("composite alarm", "CompositeAlarm"), ("alarm", "MetricAlarm")):  # the latter by default
            named = {"AlarmNamePrefix": start, "AlarmTypes": [type_]}
            for alarm in pages("cloudwatch", "describe_alarms", f"{type_}s", **named):
                yield DeployedResource(kind, alarm["AlarmName"])
    for topic in pages("sns", "list_topics", "Topics"):
        if topic["TopicArn"].rpartition(":")[2].startswith(of.prefix):
            yield DeployedResource("topic", topic["TopicArn"])


def _scaling(of: Deployment) -> Iterator[DeployedResource]:
    for namespace, start in (("sagemaker", f"endpoint/{of.prefix}"), ("lambda", f"function:{of.prefix}")):
        operation = "describe_scalable_targets"
        for target in pages("application-autoscaling", operation, "ScalableTargets", ServiceNamespace=namespace):
            if target["ResourceId"].startswith(start):
                yield DeployedResource("scaling target", target["ResourceId"])


def _data(of: Deployment) -> Iterator[DeployedResource]:
    name = bucket_name(of.prefix.rstrip("-"), of.account, of.region)
    for bucket in boto3.client("s3").list_buckets()["Buckets"]:  # of every region
        if bucket["Name"] in (name, access_log_bucket(name)):
            yield DeployedResource("bucket", bucket["Name"])
    kms, named = boto3.client("kms"), set()
    for alias in pages("kms", "list_aliases", "Aliases"):
        if f"{alias['AliasName']}-" == f"alias/{of.prefix}":
            yield DeployedResource("key alias", alias["AliasName"])
            named.add(alias["TargetKeyId"])
    for key in pages("kms", "list_keys", "Keys"):
        # Another team's key may deny access to this caller. Ours, known by its alias, must allow it.
        with contextlib.nullcontext() if key["KeyId"] in named else _unless("AccessDeniedException"):
            if _owns_key(of, kms, key["KeyId"]):
                yield DeployedResource("key", key["KeyId"])


def _owns_key(of: Deployment, kms: Any, id: str) -> bool:
    about = kms.describe_key(KeyId=id)["KeyMetadata"]
    if about["KeyManager"] != "CUSTOMER" or about["KeyState"] == "PendingDeletion":
        return False  # an AWS-managed key, or one that costs nothing any more
    return of.owns(kms.list_resource_tags(KeyId=id)["Tags"], "TagKey", "TagValue")


def _ec2(of: Deployment) -> Iterator[DeployedResource]:
    ours = [{"Name": f"tag:{key}", "Values": [value]} for key, value in (("app", of.app), ("stage", of.stage))]
    for reservation in pages("ec2", "describe_instances", "Reservations", Filters=ours):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield DeployedResource("instance", instance["InstanceId"])
    for volume in pages("ec2", "describe_volumes", "Volumes", Filters=ours):
        yield DeployedResource("volume", volume["VolumeId"])
    # Subnet, routes, security group and endpoint end with their network; a gateway can outlive it.
    for vpc in pages("ec2", "describe_vpcs", "Vpcs", Filters=ours):
        yield DeployedResource("network", vpc["VpcId"])
    for gateway in pages("ec2", "describe_internet_gateways", "InternetGateways", Filters=ours):
        yield DeployedResource("internet gateway", gateway["InternetGatewayId"])
