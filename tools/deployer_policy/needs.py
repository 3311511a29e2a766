"""Terms of what CloudFormation's execution role needs: places, permissions, and the resources that need them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from botocore.session import get_session

from aws.pseudo_parameters import fill

Condition = tuple[str, str, str]  # operator, key, value
SCHEMA, LOCAL = "schema", "local AWS"  # who asks for an action


@dataclass(frozen=True, order=True)
class DeployPlace:
    """Where the app is deployed."""

    account: str
    region: str
    partition: str = "aws"

    def filled(self, text: str) -> str:
        """An ARN or value of a template in this place; a name that CloudFormation generates is `*`."""
        here = {"AccountId": self.account, "Region": self.region, "Partition": self.partition}
        return generated(fill(text, **here, URLSuffix=_dns_suffix(self.partition)))


@cache  # loading the partitions takes some 50 ms
def _dns_suffix(partition: str) -> str:
    return str(get_session().get_component("endpoint_resolver").get_partition_dns_suffix(partition))


@dataclass(frozen=True, order=True)
class Need:
    """An action on a resource, for resources of the templates.

    Attributes:
        types: resource types that need it.
        asked_by: `schema`, `local AWS`, or both: who says that it is needed.
    """

    action: str
    resource: str
    condition: Condition | None = None
    types: frozenset[str] = field(default_factory=frozenset, compare=False)
    asked_by: frozenset[str] = field(default_factory=frozenset, compare=False)

    def __str__(self) -> str:
        given = f" if {' '.join(self.condition)}" if self.condition else ""
        return f"{self.action} on {self.resource}{given}"


@dataclass(frozen=True)
class ResourceNeeds:
    """A resource of a template, with what it needs to be made, changed and removed."""

    stack: str
    logical_id: str
    type: str
    needs: tuple[Need, ...]


def generated(text: str) -> str:
    """The text with `*` for each name that CloudFormation generates."""
    return re.sub(r"\$\{[^}]*\}", "*", text)


def together(found: Iterable[ResourceNeeds]) -> list[Need]:
    """The needs of all resources, each once, sorted."""
    each: dict[tuple[str, str, Condition | None], list[Need]] = defaultdict(list)
    for of in found:
        for need in of.needs:
            each[need.action, need.resource, need.condition].append(need)
    needs = [
        Need(
            action,
            resource,
            condition,
            types=frozenset().union(*(need.types for need in same)),
            asked_by=frozenset().union(*(need.asked_by for need in same)),
        )
        for (action, resource, condition), same in each.items()
    ]
    return sorted(needs, key=str)
