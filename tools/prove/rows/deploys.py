"""Rows about deploys, of which the endpoint takes no notice."""

import boto3
from botocore.exceptions import ClientError

from tools.deploy.idle import REFUSED
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem


@row(
    question="Do Service Quotas, AWS's registry and IAM answer `make preflight` in time, are the codes in "
    "`aws/quotas.py` right, and may another account's images be described?",
    expected="no line is unknown, after 10 s at most",
    step="preflight",
)
def preflight_answers(system: ProvedSystem) -> Answer:
    """Run the checks of `make preflight`."""
    facts = system.facts["preflight"]
    said = [*facts["unknown"], *facts["right"]]
    return Answer(
        f"{len(facts['unknown'])} of {len(said)} unknown, {facts['seconds']:.1f} s",
        not facts["unknown"] and facts["seconds"] <= 10,
        "\n".join(said),
    )


@row(
    question="Is the endpoint created with `RetainAllVariantProperties` false, as long as there is none?",
    expected="yes",
    step="base",
    despite_failure=True,
)
def retain_all_variant_properties(system: ProvedSystem) -> Answer:
    """Read the events of the serving stack's endpoint."""
    events = system.events("serving")
    endpoint = [event for event in events if "AWS::SageMaker::Endpoint CREATE_" in event]
    failed = [event for event in events if "_FAILED" in event]
    good = any("CREATE_COMPLETE" in event for event in endpoint)
    return Answer("yes" if good else "refused, or not reached", good, "\n".join([*endpoint, *failed]))


@row(
    question="Does a deploy with nothing changed train nothing?",
    expected='"(no changes)" for every stack',
    step="again",
)
def no_change(system: ProvedSystem) -> Answer:
    """Deploy the same again."""
    facts = system.facts["again"]
    unchanged = facts["unchanged"]
    good = facts["jobs"] == 0 and len(unchanged) == facts["stacks"]
    return Answer(f"{facts['jobs']} jobs, {len(unchanged)} stacks unchanged", good, "\n".join(unchanged))


@row(
    question="Does the stack event show SageMaker's failure reason, or ours?",
    expected='"… is under the floor 0.999"; the old endpoint serves',
    step="floor",
)
def floor_in_the_events(system: ProvedSystem) -> Answer:
    """Deploy with `accuracy_floor=0.999 epochs=1`; read the stack's events and the endpoint."""
    facts = system.facts["floor"]
    told = [event for event in system.events("trained-model", since=facts["began"]) if "under the floor" in event]
    kept = facts["before"] == facts["after"] and not facts["errors"]
    evidence = "\n".join([*told[:2], f"endpoint configuration: {facts['before']} before, {facts['after']} after"])
    return Answer("it does" if told else "no such event", bool(told) and kept, evidence)


@row(
    question="Does CloudFormation refuse to change a stack that is being changed, and in which words?",
    expected=f"it refuses both; CreateChangeSet with “{REFUSED}”, by which a second deploy is told",
    step="floor",
)
def busy_stack_is_left_alone(system: ProvedSystem) -> Answer:
    """Call CreateChangeSet, and ExecuteChangeSet with a change set made before, while the stack trains a model."""
    refused = system.facts["floor"]["refused"]
    evidence = "\n".join(f"{operation}: {why or 'accepted'}" for operation, why in refused.items())
    if not refused:
        return Answer("it was not seen being changed", None, str(system.facts["floor"]["failure"]))
    good = all(refused.values()) and REFUSED in refused["CreateChangeSet"]
    return Answer("both are refused" if all(refused.values()) else "one is accepted", good, evidence)


@row(
    question="Does S3 delete an object on the condition that it has not changed?",
    expected="it refuses another ETag with PreconditionFailed, and takes the object's own",
    step="base",
)
def conditional_delete(system: ProvedSystem) -> Answer:
    """Call DeleteObject with IfMatch on an object of the bucket, with another ETag and with its own."""
    s3, place = boto3.client("s3"), {"Bucket": system.bucket, "Key": "make-prove"}
    etag = s3.put_object(**place, Body=b"make prove")["ETag"]
    try:
        s3.delete_object(**place, IfMatch=f'"{"0" * 32}"')
        refused = ""
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    s3.delete_object(**place, **({"IfMatch": etag} if refused else {}))
    return Answer(refused or "not refused", refused == "PreconditionFailed", f"{place['Key']} had {etag}: {refused}")


@row(
    question="Is an endpoint of version 0.1.0 updated in place, without a failed call?",
    expected="the endpoint keeps its creation time, and no call fails",
    step="base",
    why="person",
)
def upgrade_of_0_1_0(system: ProvedSystem) -> Answer:
    """It takes a checkout of version 0.1.0: deploy it, then this version, with a client that calls meanwhile."""
    created = system.endpoint()["CreationTime"]
    return Answer("deploy version 0.1.0, then this one, in a stage of your own", None, f"this one is of {created}")
