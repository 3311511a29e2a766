"""Everything of one deployment that an account holds, asked of each service, not of CloudFormation alone.

What has a name of ours begins with `<app>-<stage>-`, which no other deployment's names begin with; what AWS names is
known by the tags `app` and `stage`.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.log_groups import NOTEBOOK_INSTANCES, TRAINING_JOBS, endpoint_log_group, function_log_group

RUNNING = ("InProgress", "Stopping")  # of training and tuning jobs


@dataclass(frozen=True, order=True)
class Found:
    """One resource: what it is, and its name as its service takes it."""

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
    def prefix(self) -> str:
        """What its names begin with."""
        return f"{self.app}-{self.stage}-"

    def owns(self, tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> bool:
        """Whether these tags are this deployment's."""
        given = {tag[key]: tag[value] for tag in tags}
        return (given.get("app"), given.get("stage")) == (self.app, self.stage)

    def find(self) -> list[Found]:
        """All there is, by kind and name."""
        return sorted(
            found
            for search in (_stacks, _sagemaker, _functions, _logs, _watching, _scaling, _data, _roles, _ec2)
            for found in search(self)
        )


def pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """Each item of a listing, page after page."""
    for page in boto3.client(service).get_paginator(operation).paginate(**arguments):  # type: ignore[call-overload]
        yield from page.get(key, [])


@contextlib.contextmanager
def _unless(code: str) -> Iterator[None]:
    """Go on without what a service answers with this error code."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def _stacks(of: Deployment) -> Iterator[Found]:
    for stack in pages("cloudformation", "describe_stacks", "Stacks"):
        if stack["StackName"].startswith(of.prefix) and of.owns(stack.get("Tags", [])):
            yield Found("stack", stack["StackName"])


def _sagemaker(of: Deployment) -> Iterator[Found]:
    for job in pages("sagemaker", "list_training_jobs", "TrainingJobSummaries", NameContains=of.prefix):
        if job["TrainingJobName"].startswith(of.prefix) and job["TrainingJobStatus"] in RUNNING:
            yield Found("training job", job["TrainingJobName"])
    tunings = "HyperParameterTuningJobSummaries"
    for job in pages("sagemaker", "list_hyper_parameter_tuning_jobs", tunings, NameContains=of.prefix):
        name = job["HyperParameterTuningJobName"]
        if name.startswith(of.prefix) and job["HyperParameterTuningJobStatus"] in RUNNING:
            yield Found("tuning job", name)
    for endpoint in pages("sagemaker", "list_endpoints", "Endpoints"):
        if endpoint["EndpointName"].startswith(of.prefix):
            yield Found("endpoint", endpoint["EndpointName"])
    for notebook in pages("sagemaker", "list_notebook_instances", "NotebookInstances", NameContains=of.prefix):
        if notebook["NotebookInstanceName"].startswith(of.prefix):
            yield Found("notebook instance", notebook["NotebookInstanceName"])
    # CloudFormation makes up the names of these two.
    client = boto3.client("sagemaker")
    for config in pages("sagemaker", "list_endpoint_configs", "EndpointConfigs"):
        if of.owns(client.list_tags(ResourceArn=config["EndpointConfigArn"])["Tags"]):
            yield Found("endpoint configuration", config["EndpointConfigName"])
    for model in pages("sagemaker", "list_models", "Models"):
        if of.owns(client.list_tags(ResourceArn=model["ModelArn"])["Tags"]):
            yield Found("model", model["ModelName"])


def _functions(of: Deployment) -> Iterator[Found]:
    for function in pages("lambda", "list_functions", "Functions"):
        if function["FunctionName"].startswith(of.prefix):
            yield Found("function", function["FunctionName"])


def _logs(of: Deployment) -> Iterator[Found]:
    for start in (function_log_group(of.prefix), endpoint_log_group(of.prefix)):
        for group in pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=start):
            yield Found("log group", group["logGroupName"])
    # Both groups are the account's: every team's jobs and notebooks write into them.
    for kind, name in (("training log", TRAINING_JOBS), ("notebook log", NOTEBOOK_INSTANCES)):
        with _unless("ResourceNotFoundException"):  # nobody in this account has had one yet
            named = {"logGroupName": name, "logStreamNamePrefix": of.prefix}
            for stream in pages("logs", "describe_log_streams", "logStreams", **named):
                yield Found(kind, stream["logStreamName"])


def _watching(of: Deployment) -> Iterator[Found]:
    # Target tracking's own alarms are named after what they scale.
    for start in (of.prefix, f"TargetTracking-endpoint/{of.prefix}", f"TargetTracking-function:{of.prefix}"):
        for alarm in pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=start):
            yield Found("alarm", alarm["AlarmName"])
    for board in pages("cloudwatch", "list_dashboards", "DashboardEntries"):
        if f"{board['DashboardName']}-" == of.prefix:
            yield Found("dashboard", board["DashboardName"])
    for topic in pages("sns", "list_topics", "Topics"):
        if topic["TopicArn"].rpartition(":")[2].startswith(of.prefix):
            yield Found("topic", topic["TopicArn"])
    for rule in pages("events", "list_rules", "Rules", NamePrefix=of.prefix):
        yield Found("rule", rule["Name"])
    for budget in pages("budgets", "describe_budgets", "Budgets", AccountId=of.account):
        if budget["BudgetName"].startswith(of.prefix):
            yield Found("budget", budget["BudgetName"])


def _scaling(of: Deployment) -> Iterator[Found]:
    for namespace, start in (("sagemaker", f"endpoint/{of.prefix}"), ("lambda", f"function:{of.prefix}")):
        operation = "describe_scalable_targets"
        for target in pages("application-autoscaling", operation, "ScalableTargets", ServiceNamespace=namespace):
            if target["ResourceId"].startswith(start):
                yield Found("scaling target", target["ResourceId"])


def _data(of: Deployment) -> Iterator[Found]:
    for bucket in boto3.client("s3").list_buckets()["Buckets"]:
        if bucket["Name"].startswith(of.prefix):
            yield Found("bucket", bucket["Name"])
    kms, named = boto3.client("kms"), set()
    for alias in pages("kms", "list_aliases", "Aliases"):
        if f"{alias['AliasName']}-" == f"alias/{of.prefix}":
            yield Found("key alias", alias["AliasName"])
            named.add(alias["TargetKeyId"])
    for key in pages("kms", "list_keys", "Keys"):
        # A key of others in the account may be shut to us. Ours, as long as it has its alias, has to be open.
        with contextlib.nullcontext() if key["KeyId"] in named else _unless("AccessDeniedException"):
            if _owns_key(of, kms, key["KeyId"]):
                yield Found("key", key["KeyId"])


def _owns_key(of: Deployment, kms: Any, id: str) -> bool:
    about = kms.describe_key(KeyId=id)["KeyMetadata"]
    if about["KeyManager"] != "CUSTOMER" or about["KeyState"] == "PendingDeletion":
        return False  # AWS's own; or paid for no more
    return of.owns(kms.list_resource_tags(KeyId=id)["Tags"], "TagKey", "TagValue")


def _roles(of: Deployment) -> Iterator[Found]:
    for role in pages("iam", "list_roles", "Roles"):
        if role["RoleName"].startswith(of.prefix):
            yield Found("role", role["RoleName"])
    for profile in pages("iam", "list_instance_profiles", "InstanceProfiles"):
        if profile["InstanceProfileName"].startswith(of.prefix):
            yield Found("instance profile", profile["InstanceProfileName"])


def _ec2(of: Deployment) -> Iterator[Found]:
    ours = [{"Name": f"tag:{key}", "Values": [value]} for key, value in (("app", of.app), ("stage", of.stage))]
    for reservation in pages("ec2", "describe_instances", "Reservations", Filters=ours):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield Found("instance", instance["InstanceId"])
    for volume in pages("ec2", "describe_volumes", "Volumes", Filters=ours):
        yield Found("volume", volume["VolumeId"])
    # Subnet, routes, security group and endpoint lie in the network and cannot outlive it; a gateway can.
    for vpc in pages("ec2", "describe_vpcs", "Vpcs", Filters=ours):
        yield Found("network", vpc["VpcId"])
    for gateway in pages("ec2", "describe_internet_gateways", "InternetGateways", Filters=ours):
        yield Found("internet gateway", gateway["InternetGatewayId"])
