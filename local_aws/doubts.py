"""Questions about AWS that its documents leave open: local AWS gives one answer, or the other where it is told to.

`make doubts-docs` writes docs/doubts.md.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SLIPWAY_DOUBTS"
ALL = "all"
_DOCUMENT = Path(__file__).parent.parent / "docs" / "doubts.md"


@dataclass(frozen=True)
class Doubt:
    """One open question. `usual` is local AWS's answer, `other` the one that it gives if the doubt is named."""

    name: str
    question: str
    usual: str
    other: str
    source: str


DOUBTS = {
    doubt.name: doubt
    for doubt in (
        Doubt(
            "rollback-succeeds",
            "SageMaker takes an endpoint's deployment back, and the endpoint is InService again. What does "
            "CloudFormation say of the resource?",
            "the update failed",
            "the update is complete",
            '"Auto-rollback configuration and monitoring", SageMaker developer guide, says nothing of it; '
            "hashicorp/terraform-provider-aws issue 48997 saw success there",
        ),
        Doubt(
            "metrics-late",
            "Are a training job's final metrics there when its event comes?",
            "yes",
            "a few seconds later",
            "DescribeTrainingJob, SageMaker API reference, does not say when FinalMetricDataList is filled",
        ),
        Doubt(
            "events-doubled",
            "How often does a job's event come?",
            "once",
            "twice",
            '"Events that Amazon SageMaker AI sends to Amazon EventBridge", SageMaker developer guide: "may send '
            'multiple events to EventBridge for each state change"; when it does, it does not say',
        ),
        Doubt(
            "events-lost",
            "Do the events of all jobs come?",
            "yes",
            "no: neither that of the first job's end nor every second one after it; schedules run by the time factor",
            '"Delivery level for AWS service events", Amazon EventBridge events reference: with best effort, "in some '
            'rare cases an event might not be delivered"; it names no level for SageMaker. "Events from AWS services": '
            '"For services not listed that send events to EventBridge, assume a best effort delivery"',
        ),
        Doubt(
            "events-early",
            "Does DescribeTrainingJob show a job's last status when its event comes?",
            "yes",
            "a few seconds later; schedules then run by the time factor",
            'DescribeTrainingJob, SageMaker API reference, and "Events from SageMaker AI", SageMaker developer guide, '
            "do not say which comes first",
        ),
        Doubt(
            "kms-direct",
            "A training job's role needs kms:Encrypt on the key of its output. Who asks KMS, SageMaker itself or S3?",
            "S3: kms:ViaService names it",
            "SageMaker: there is no kms:ViaService",
            '"OutputDataConfig", SageMaker API reference, asks for kms:Encrypt, and has nothing of S3',
        ),
        Doubt(
            "tuning-source",
            "What aws:SourceArn do the training jobs of a tuning job give when SageMaker assumes their role?",
            "their own",
            "the tuning job's",
            '"Cross-service confused deputy prevention", SageMaker developer guide, has training jobs and not these',
        ),
        Doubt(
            "notebook-source",
            "What aws:SourceArn does a notebook instance give when SageMaker assumes its role?",
            "its own",
            "that of another resource of SageMaker's in the account and region",
            '"Cross-service confused deputy prevention", SageMaker developer guide, has `*` in place of the resource',
        ),
        Doubt(
            "tuning-limit-completes",
            "What status has a tuning job that was ended by its MaxRuntimeInSeconds?",
            "Stopped",
            "Completed",
            '"Monitor the Progress of a Hyperparameter Tuning Job", SageMaker developer guide: Stopped is a job that '
            '"was manually stopped before it completed"; "ResourceLimits", API reference, does not say it',
        ),
        Doubt(
            "update-to-live-refused",
            "Is UpdateEndpoint taken with the configuration that the endpoint runs already?",
            "yes",
            "no",
            '"UpdateEndpoint", SageMaker API reference: "To update an endpoint, you must create a new EndpointConfig"; '
            "no error is listed for another one",
        ),
        Doubt(
            "retain-at-creation-refused",
            "Does CloudFormation create an endpoint whose RetainAllVariantProperties is true?",
            "yes",
            "no",
            '"AWS::SageMaker::Endpoint", CloudFormation template reference: "Use this property only when updating '
            'endpoint resources, not when creating new endpoint resources"; false is the default of UpdateEndpoint',
        ),
        Doubt(
            "linked-role-late",
            "Can Application Auto Scaling use a service-linked role in the seconds after it was made?",
            "yes",
            "no: RegisterScalableTarget is refused",
            '"Service-linked roles for Application Auto Scaling", Application Auto Scaling user guide, has none of it; '
            "aws/aws-cdk issue 4108 has the refusal",
        ),
        Doubt(
            "scaling-statistic",
            "Which statistic of ConcurrentRequestsPerModel do the alarms of an endpoint's scaling policy read?",
            "Average",
            "Maximum: a short burst scales out",
            '"Metrics for monitoring Amazon SageMaker AI", SageMaker developer guide: "Valid statistics: Min, Max"; '
            "the policies' page names none",
        ),
        Doubt(
            "log-group-again",
            "Does SageMaker write an endpoint's last lines before its log group is deleted with its stack?",
            "yes",
            "no: it makes the group again, which the next stack then cannot make",
            '"Log groups and streams that Amazon SageMaker AI sends", SageMaker developer guide, does not say when; of '
            "functions it is known, such as in serverless/serverless issue 3237",
        ),
        Doubt(
            "hosts-late",
            "Do the names of a training job's instances, such as algo-1, resolve when its program starts?",
            "yes",
            "a few seconds later (on a machine with namespaces; elsewhere they never do)",
            '"Build your own processing container", SageMaker developer guide: "Hostname information might not be '
            'immediately available"; of training jobs no page says it',
        ),
    )
}


def other(name: str) -> bool:
    """True if this local AWS gives the other answer to the doubt."""
    assert name in DOUBTS, name
    return name in os.environ.get(VARIABLE, "").split(",")


def parse(names: Iterable[str]) -> str:
    """Value of VARIABLE for doubts by name, or for all of them.

    Raises:
        ValueError: there is no such doubt.
    """
    named = list(names)
    if unknown := [name for name in named if name not in (*DOUBTS, ALL)]:
        raise ValueError(f"no doubt {', '.join(unknown)}: take {ALL}, or some of {', '.join(DOUBTS)}")
    return ",".join(name for name in DOUBTS if ALL in named or name in named)


def document() -> str:
    """docs/doubts.md."""
    rows = [f"| `{d.name}` | {d.question} | {d.usual} | {d.other} | {d.source} |" for d in DOUBTS.values()]
    return "\n".join([_HEAD, *rows]) + "\n"


_HEAD = """# Doubts

AWS's documents leave these questions open. The local AWS gives one answer, and the other one if the doubt is named:
`make local DOUBT=rollback-succeeds`, or `DOUBT=all`; `make demo DOUBT=all` runs the whole demo with all of them. No
answer excludes another: with all of them, the event of every second job is lost, and the others come early and twice.
Every deploy has to work with both. This page is written by `make doubts-docs`.

| doubt | question | answer here | other answer | source |
|---|---|---|---|---|"""


if __name__ == "__main__":
    _DOCUMENT.write_text(document())
