"""The system that is proved: what steps deploy it with, and what rows read of it."""

import re
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from aws.log_groups import TRAINING_JOBS, endpoint_log_group, function_log_group
from settings import Settings, read_settings
from settings.names import StackSuffix, bucket_name, job_prefix, resource_name
from tools.assembly import SynthesizedApp, synthesize
from tools.classify_client import ClassifyClient, SteadyClient
from tools.demo.jobs import Job, job_names, jobs
from tools.demo.steps import Steps
from tools.deploy.inventory import pages
from tools.deploy.preflight.quotas import instances
from tools.deploy.preflight.target import Target, Unknown
from tools.deploy.stacks import deploy
from tools.stack import outputs
from training.folder import Folder

T = TypeVar("T")
Statistic = Literal["Sum", "SampleCount", "Maximum"]
_PAUSE_SECONDS = 1.0
_MAX_EVENTS = 5000
_EVENT = ("LogicalResourceId", "ResourceType", "ResourceStatus", "ResourceStatusReason")
# Lambda's line at the end of a call, as text and as JSON.
_REPORT = re.compile(r'(?:^REPORT .*?\tDuration: |"durationMs":\s*)([\d.]+)')


@dataclass(frozen=True)
class FunctionCall:
    """A call of a function: when it began and ended, epoch seconds, and Lambda's line about it."""

    began: float
    ended: float
    line: str


@dataclass
class ProvedSystem:
    """A deployment `<app>-<stage>` of this command's own.

    Attributes:
        given: settings over the defaults, of every deploy.
        local: it is on the local AWS.
        facts: what each step noted for its rows, by step; JSON values.
    """

    given: Mapping[str, str]
    images: Folder
    account: str
    region: str
    local: bool
    console: Console
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.given)

    @property
    def prefix(self) -> str:
        return self.settings.prefix

    @property
    def bucket(self) -> str:
        return bucket_name(self.prefix, self.account, self.region)

    @cached_property
    def steps(self) -> Steps:
        return Steps(self.console)

    def say(self, line: str) -> None:
        self.steps.say(line)

    def assembly(self, **changes: str) -> SynthesizedApp:
        return synthesize({**self.given, **changes})

    def target(
        self, assembly: Callable[[], SynthesizedApp], changes: Mapping[str, str] = MappingProxyType({})
    ) -> Target:
        """A deploy with `changes` over the settings, as preflight's checks are told it."""
        return Target(read_settings({**self.given, **changes}), self.account, self.region, assembly)

    def deploy(self, *stacks: StackSuffix, **changes: str) -> None:
        """Deploy these stacks and those that they need, or all, with `changes` over the settings."""
        deploy(self.assembly(**changes), *stacks, say=self.steps.say_briefly)

    @property
    def tags(self) -> list[dict[str, str]]:
        """Tags by which the removal finds what a step makes outside of the stacks."""
        return [{"Key": "app", "Value": self.settings.app}, {"Key": "stage", "Value": self.settings.stage}]

    def outputs(self, suffix: StackSuffix) -> dict[str, str]:
        return outputs(self.stack(suffix))

    def stack(self, suffix: StackSuffix) -> str:
        return resource_name(self.prefix, suffix)

    def events(self, suffix: StackSuffix, *, since: float = 0) -> list[str]:
        """Events of a stack since that time (epoch seconds), newest first: id, type, status, reason."""
        found = pages("cloudformation", "describe_stack_events", "StackEvents", StackName=self.stack(suffix))
        return [
            " ".join(str(event.get(key, "")) for key in _EVENT)
            for event in found
            if event["Timestamp"].timestamp() >= since
        ]

    def scaling_activities(self, namespace: str, place: str) -> list[dict[str, Any]]:
        """Activities of Application Auto Scaling for the resource `place`, newest first."""
        named = {"ServiceNamespace": namespace, "ResourceId": place}
        return list(pages("application-autoscaling", "describe_scaling_activities", "ScalingActivities", **named))

    def metric(
        self, namespace: str, name: str, since: float, dimensions: Mapping[str, str], statistic: Statistic = "Sum"
    ) -> float:
        """Sum, or the largest value of another statistic, of a metric's minutes since that time (epoch seconds)."""
        points = boto3.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, StartTime=since - 60, EndTime=time.time() + 60, Period=60,
            Statistics=[statistic], Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        values = [float(point[statistic]) for point in points]
        return sum(values) if statistic == "Sum" else max(values, default=0.0)

    @property
    def endpoint_name(self) -> str:
        return self.outputs("serving")["EndpointName"]

    def endpoint(self) -> dict[str, Any]:
        """DescribeEndpoint's answer."""
        described: dict[str, Any] = boto3.client("sagemaker").describe_endpoint(EndpointName=self.endpoint_name)
        return described

    def endpoint_config(self) -> dict[str, Any]:
        """The configuration that is live."""
        name = self.endpoint()["EndpointConfigName"]
        described: dict[str, Any] = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        return described

    def jobs(self) -> list[Job]:
        """Its training jobs, oldest first."""
        return jobs(job_prefix(self.prefix))

    def job_names(self, *, besides: Container[str] = ()) -> list[str]:
        """Names of its training jobs, oldest first, without those of `besides`."""
        return [name for name in job_names(job_prefix(self.prefix)) if name not in besides]

    def job(self, name: str) -> dict[str, Any]:
        """DescribeTrainingJob's answer."""
        described: dict[str, Any] = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
        return described

    def classifier(self) -> ClassifyClient:
        return ClassifyClient(self.outputs("serving")["FunctionName"])

    def steady_client(self) -> SteadyClient:
        return SteadyClient(self.outputs("serving")["FunctionName"], self.images.splits["test"].files)

    def job_log(self, job: str) -> list[str]:
        """Lines of all streams of a training job."""
        return log_lines(TRAINING_JOBS, streams_of=f"{job}/")

    def endpoint_log(self, phrase: str = "") -> list[str]:
        """Lines of all instances that have the phrase."""
        return log_lines(endpoint_log_group(self.endpoint_name), phrase=phrase)

    def model(self) -> dict[str, Any]:
        """DescribeModel's answer for the model that is live."""
        [variant] = self.endpoint_config()["ProductionVariants"]
        described: dict[str, Any] = boto3.client("sagemaker").describe_model(ModelName=variant["ModelName"])
        return described

    def model_image(self) -> str:
        """Address of that model's image."""
        return str(self.model()["PrimaryContainer"]["Image"])

    def function_calls(self, suffix: str, *, since: float, until: float) -> list[FunctionCall]:
        """Calls of a function that ended between these times (epoch seconds), oldest first."""
        found = []
        for event in log_events(function_log_group(f"{self.prefix}-{suffix}")):
            ended = event["timestamp"] / 1000
            if (took := _REPORT.search(event["message"])) and since <= ended <= until:
                found.append(FunctionCall(ended - float(took[1]) / 1000, ended, event["message"].strip()))
        return found

    def alarm_history(self, alarm: str, since: float) -> list[str]:
        """Type and summary of each entry in the alarm's history since that time (epoch seconds), newest first."""
        found = pages("cloudwatch", "describe_alarm_history", "AlarmHistoryItems", AlarmName=alarm)
        return [
            f"{item['HistoryItemType']}: {item['HistorySummary']}"
            for item in found
            if item["Timestamp"].timestamp() >= since
        ]

    def require_quotas(self, changes: Mapping[str, str]) -> None:
        """Raise NotReady if a quota is too low for these changes; one that cannot be asked for stops nothing."""
        if changes:
            with suppress(Unknown, ClientError):
                instances(self.target(self.assembly, changes))

    def until(self, look: Callable[[], T], *, minutes: float, local_seconds: float = 60) -> T:
        """The first value of `look` that is true, or the last one, after so many minutes or local seconds."""
        seconds = local_seconds if self.local else 60 * minutes
        deadline = time.monotonic() + seconds
        while not (value := look()) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return value


def log_lines(group: str, *, phrase: str = "", streams_of: str = "") -> list[str]:
    """Messages of `log_events`."""
    return [event["message"].rstrip("\n") for event in log_events(group, phrase=phrase, streams_of=streams_of)]


def log_events(group: str, *, phrase: str = "", streams_of: str = "") -> list[dict[str, Any]]:
    """Events of a log group, oldest first, some thousands at most; none if the group is not there.

    Args:
        phrase: only those that have it.
        streams_of: only those of streams whose names begin so.
    """
    asked: dict[str, Any] = {"logGroupName": group, "PaginationConfig": {"MaxItems": _MAX_EVENTS}}
    if phrase:
        asked["filterPattern"] = f'"{phrase}"'
    try:
        if streams_of:
            named = pages(
                "logs", "describe_log_streams", "logStreams", logGroupName=group, logStreamNamePrefix=streams_of
            )
            asked["logStreamNames"] = [stream["logStreamName"] for stream in named]
        if asked.get("logStreamNames") == []:
            return []
        return list(pages("logs", "filter_log_events", "events", **asked))
    except boto3.client("logs").exceptions.ResourceNotFoundException:
        return []
