"""The stacks of a deployment as CloudFormation has them: outputs, template, and the last change with its resources."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from settings.names import StackSuffix, resource_name
from tools.stack import describe, is_own, outputs_of

_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
_SLOWEST = 4


@dataclass(frozen=True)
class StackChange:
    """Change of a stack, or of one resource in it; `seconds` is None while it goes on."""

    name: str
    type: str
    status: str
    begin: datetime
    seconds: float | None


@dataclass(frozen=True)
class DeployedStack:
    """A stack, with its `last` change and the changes of its resources in that, in the order of their beginnings."""

    name: str
    status: str
    outputs: Mapping[str, str]
    template: Mapping[str, Any]
    last: StackChange | None
    resources: tuple[StackChange, ...]

    @property
    def slowest(self) -> list[StackChange]:
        """Up to four finished resources of the last change that took a second or more, in their order."""
        longer = [each for each in self.resources if each.seconds and each.seconds >= 1]
        kept = sorted(longer, key=lambda each: -(each.seconds or 0))[:_SLOWEST]
        return [each for each in longer if each in kept]


def read_stacks(cloudformation: Any, prefix: str, pool: Executor) -> dict[StackSuffix, DeployedStack]:
    """The stacks of the deployment `<app>-<stage>` that are there, by the last part of their names.

    Raises:
        ClientError: CloudFormation refused.
    """
    suffixes: tuple[StackSuffix, ...] = get_args(StackSuffix)
    stacks = pool.map(lambda suffix: _read(cloudformation, resource_name(prefix, suffix)), suffixes)
    return {suffix: stack for suffix, stack in zip(suffixes, stacks, strict=True) if stack}


def _read(cloudformation: Any, name: str) -> DeployedStack | None:
    described = describe(name, cloudformation)
    if described is None:
        return None
    template = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    last, resources = last_change(event for page in pages for event in page["StackEvents"])
    status = described["StackStatus"]
    return DeployedStack(name, status, outputs_of(described), template, last, tuple(resources))


def last_change(events: Iterable[Mapping[str, Any]]) -> tuple[StackChange | None, list[StackChange]]:
    """A stack's last change, and those of its resources, from its events, newest first; reads no older events."""
    own: list[Mapping[str, Any]] = []
    others: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if not is_own(event):
            others.setdefault(event["LogicalResourceId"], []).append(event)
            continue
        own.append(event)
        if event["ResourceStatus"] in _BEGINNINGS:
            return _change(own), sorted(map(_change, others.values()), key=lambda change: change.begin)
    return None, []  # it was made by an import, or its events have expired


def _change(events: list[Mapping[str, Any]]) -> StackChange:
    """One change, from its events, newest first."""
    newest, oldest = events[0], events[-1]
    going_on = newest["ResourceStatus"].endswith("_IN_PROGRESS")
    seconds = None if going_on else (newest["Timestamp"] - oldest["Timestamp"]).total_seconds()
    return StackChange(
        oldest["LogicalResourceId"], oldest["ResourceType"], newest["ResourceStatus"], oldest["Timestamp"], seconds
    )
