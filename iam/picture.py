"""Roles, who may take them on, and what they reach, as a Mermaid flow chart."""

import re
from collections import defaultdict

from iam.contract import Contract
from iam.policy import Grant

# What an ARN's kind is called in the picture, by what it contains; the first that fits.
_KINDS = (
    ("/data/", "images (data/)"),
    ("NOTEBOOK_FILES", "notebook and environment (asset bucket)"),
    (":notebook-instance/", "notebook instance"),
    (":endpoint/PREFIX-note", "notebook's own endpoint"),
    ("PREFIX-nb-", "notebook's own jobs, models and logs"),
    (":model/", "live model"),
    (":endpoint-config/", "live model"),
    (":stack/", "stacks"),
    (":function:", "function PREFIX-classify"),
    ("/jobs/waiting", "waiting notes (jobs/waiting/)"),
    ("/jobs/", "job output (jobs/)"),
    ("/models/", "models (models/)"),
    ("/TrainedModels/", "the EC2 instance's model (TrainedModels/)"),
    ("PROGRAM", "training program (asset bucket)"),
    ("/weights/", "pretrained weights (weights/)"),
    ("/SPOT/", "checkpoints (checkpoints/)"),
    ("/CAPTURE/", "captured calls (capture/)"),
    (":s3:::", "bucket (list)"),
    ("KEY", "key"),
    (":instance/", "Session Manager"),
    (":training-job/", "training jobs"),
    (":hyper-parameter-tuning-job/", "tuning jobs"),
    (":endpoint/", "endpoint"),
    (":alarm:", "CloudWatch alarms"),
    (":logs:", "CloudWatch logs"),
    (":role/PREFIX-training", "role PREFIX-training"),
    (":role/", "the other roles"),
    ("IMAGE", "container registry"),
)
_WITHOUT_RESOURCE = {
    "application-autoscaling": "auto-scaling",
    "cloudwatch": "CloudWatch metrics",
    "ecr": "container registry",
    "ssmmessages": "Session Manager",
}


def picture(contract: Contract) -> str:
    """Mermaid source, fenced; services on the left, roles in the middle, what they reach on the right."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    services: set[tuple[str, str]] = set()
    for role in contract.values():
        services |= {(line.allows.principal.removeprefix("Service "), role.name) for line in role.trust}
        for line in role.may:
            verb = line.allows.action.partition(":")[2]
            known = arrows[role.name, _kind(line.allows)]
            known += [verb] if verb not in known else []
    lines = ["```mermaid", "flowchart LR"]
    lines += [
        f'  {_id(service)}(["{service}"]) -->|takes on| {_id(role)}["{role}"]' for service, role in sorted(services)
    ]
    lines += [
        f'  {_id(role)} -->|"{"<br/>".join(verbs)}"| {_id(target)}[("{target}")]'
        for (role, target), verbs in arrows.items()
    ]
    return "\n".join([*lines, "```", ""])


def _kind(grant: Grant) -> str:
    if grant.resource == "*":
        return _WITHOUT_RESOURCE[grant.action.partition(":")[0]]
    return next(name for mark, name in _KINDS if mark in grant.resource)


def _id(text: str) -> str:
    return re.sub(r"\W", "_", text)
