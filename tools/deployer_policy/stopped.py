"""Steps of a deploy that a service control policy would stop."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iam.policy import Role
from local_aws.iam.service_control import ServiceControl
from tools.deployer_policy.needs import DeployPlace, ResourceNeeds

_GLOBAL = {"budgets", "iam"}  # whose requests all go to one region: "aws:RequestedRegion", IAM user guide


@dataclass(frozen=True)
class StoppedStep:
    """A step, and why the policy stops it.

    Attributes:
        step: a stack with its resource, or a role that does its work while the deploy waits and after it.
        reasons: for each action that is stopped, in the step's order.
    """

    step: str
    reasons: tuple[str, ...]


def stopped(
    policy: ServiceControl,
    resources: Iterable[ResourceNeeds],
    roles: Iterable[Role],
    *,
    place: DeployPlace,
    deployer: str,
    tags: Mapping[str, str],
) -> list[StoppedStep]:
    """Steps that the policy stops, in the order of a deploy. `deployer` is the ARN of CloudFormation's role."""
    given: dict[str, Any] = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
    given["aws:TagKeys"] = list(tags)

    def reason(principal: str, action: str, resource: str, keys: Mapping[str, Any]) -> str:
        region = "us-east-1" if action.partition(":")[0] in _GLOBAL else place.region
        why = policy.refusal(action, resource, principal=principal, region=region, keys=keys)
        return why and f"{action} on {resource}: {why}"

    def of_resource(each: ResourceNeeds) -> Iterator[str]:
        for need in each.needs:
            keys = given | ({need.condition[1]: need.condition[2]} if need.condition else {})
            yield reason(deployer, need.action, need.resource, keys)

    def of_role(role: Role, principal: str) -> Iterator[str]:
        for grant in role.grants:
            keys = {c.key: place.filled(min(c.values)) for c in grant.conditions}
            yield reason(principal, grant.action, place.filled(grant.resource), given | keys)

    steps = [
        *((f"{each.stack}: {each.type} {each.logical_id}", of_resource(each)) for each in resources),
        *((f"role {name}", of_role(role, arn)) for role in roles if role.grants for name, arn in [_named(role, place)]),
    ]
    found = [StoppedStep(step, tuple(dict.fromkeys(filter(None, reasons)))) for step, reasons in steps]
    return [step for step in found if step.reasons]


def _named(role: Role, place: DeployPlace) -> tuple[str, str]:
    name = role.name.replace("REGION", place.region)
    return name, f"arn:{place.partition}:iam::{place.account}:role/{name}"
