"""Mermaid flow chart of the contract: roles, the services that assume them, and the resources that they reach."""

import re
from collections import defaultdict

from iam.contract import Contract
from iam.policy import Grant, Trust
from iam.resolve import readable


def picture(contract: Contract) -> str:
    """Mermaid source, fenced: services on the left, roles in the middle, resources on the right."""
    arrows: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    services: set[tuple[str, str, str]] = set()
    for role in contract.values():
        services |= {
            (readable(line.allows.principal.removeprefix("Service ")), role.name, _does(line.allows))
            for line in role.trust
            if line.allows.effect == "Allow"
        }
        for line in role.may:
            arrows[role.name, target(line.allows)][line.allows.action.partition(":")[2]] = None
    lines = ["```mermaid", "flowchart LR"]
    lines += [
        f'  {_id(service)}(["{service}"]) -->|{does}| {_id(role)}["{role}"]' for service, role, does in sorted(services)
    ]
    lines += [
        f'  {_id(role)} -->|"{"<br/>".join(verbs)}"| {_id(target)}[("{target}")]'
        for (role, target), verbs in arrows.items()
    ]
    return "\n".join([*lines, "```", ""])


def _does(trust: Trust) -> str:
    if trust.resource:
        return "uses"
    return "calls" if trust.calls else "assumes"


def target(grant: Grant, prefix: str = "PREFIX") -> str:
    """Service and resource, as the ARN names them: S3 objects by their folder, log streams by their group."""
    service = grant.action.partition(":")[0]
    if grant.resource == "*":
        return service
    whole = re.sub(r"\$\{Registries[^}]*\}", "REGISTRY", grant.resource)
    resource = readable(whole).split(":", 5)[-1]
    bucket, _, key = resource.partition("/")
    if service == "s3" and key and bucket.startswith(prefix):
        folder, slash, name = key.rpartition("/")
        resource = folder + slash or name
    if service == "logs":
        resource = resource.split(":")[1]
    return f"{service} {resource}"


def _id(text: str) -> str:
    return re.sub(r"\W", "_", text)
