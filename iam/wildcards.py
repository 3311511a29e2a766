"""Reasons for the resource patterns in the contract: for docs/iam.md, and for cdk-nag's findings about them."""

from iam import facts
from iam.contract import ContractRole, Line
from iam.globs import is_pattern
from iam.policy import Grant


def wildcards(role: ContractRole) -> dict[tuple[str, str], list[str]]:
    """Actions of the role by resource pattern and the reason for it.

    The reason is the line's `wildcard`; else that AWS has no resource for the action; else the `wildcard` of another
    line on the same resource; else the line's `why`.
    """
    patterns = [line for line in role.may if is_pattern(line.allows.resource)]
    shared = {line.allows.resource: line.wildcard for line in patterns if line.wildcard}
    found: dict[tuple[str, str], dict[str, None]] = {}
    for line in patterns:
        resource = line.allows.resource
        reason = line.wildcard or _no_resource(line) or shared.get(resource) or line.why
        found.setdefault((resource, reason), {})[line.allows.action] = None
    return {place: list(actions) for place, actions in found.items()}


def _no_resource(line: Line[Grant]) -> str:
    action = facts.load().action(line.allows.action)
    return "AWS has no resource for this action" if action and not action.resource_types else ""
