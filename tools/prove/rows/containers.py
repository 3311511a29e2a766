"""Rows about container images, and the endpoint's container."""

import boto3

from aws.containers import MANIFEST_TYPE
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_MAX_MB = 150


@row(
    question="Are the image names right, and may the roles pull them?",
    expected="job and endpoint run them",
    step="base",
)
def images_are_pulled(system: ProvedSystem) -> Answer:
    """Describe job and model: their images, and that neither failed."""
    job = system.job(system.facts["base"]["jobs"][0])
    named = [job["AlgorithmSpecification"]["TrainingImage"], system.model_image()]
    states = [job["TrainingJobStatus"], system.endpoint()["EndpointStatus"]]
    good = states == ["Completed", "InService"]
    return Answer(", ".join(states), good, "\n".join([*named, *states]))


@row(
    question="Is the image as small as computed, and does SageMaker take its manifest?",
    expected=f"{MANIFEST_TYPE}, under {_MAX_MB} MB; the same with Docker 29, Docker Desktop and `CDK_DOCKER=finch`",
    step="base",
)
def image_in_the_registry(system: ProvedSystem) -> Answer:
    """Describe the endpoint's image in ECR."""
    address, _, tag = system.model_image().rpartition(":")
    repository = address.partition("/")[2]
    [found] = boto3.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])[
        "imageDetails"
    ]
    megabytes = found["imageSizeInBytes"] / 1e6
    good = found["imageManifestMediaType"] == MANIFEST_TYPE and megabytes < _MAX_MB
    return Answer(
        f"{megabytes:.0f} MB", good, f"{address}:{tag}\n{found['imageManifestMediaType']}\n{megabytes:.1f} MB"
    )


@row(
    question="Does the container start, as root and without a network, and answer?",
    expected='statusCode 200 and labels; each call is a line with `"event": "request"` in the log',
    step="base",
)
def container_answers(system: ProvedSystem) -> Answer:
    """Call the function with an image, and read the endpoint's log."""
    prediction = system.classifier()(system.images.splits["test"].files[0])

    def lines() -> list[str]:
        return [line for line in system.endpoint_log("request") if '"request"' in line]

    found = system.until(lines, minutes=5)
    return Answer(f"{prediction.label} for {prediction.truth}", bool(found), "\n".join([str(prediction), *found[:1]]))


@row(
    question="Does the image build for arm64, by QEMU and on an ARM machine, and run on Graviton?",
    expected="the endpoint answers on ml.c7g.large",
    step="type",
    why="account only",
)
def runs_on_graviton(system: ProvedSystem) -> Answer:
    """Deploy the endpoint on an ARM instance, and call it. `make load` gives its rate, for docs/benchmarks.md."""
    facts = system.facts["type"]
    if facts["failure"]:
        return Answer("the deploy failed", False, facts["failure"])
    variant = system.endpoint_config()["ProductionVariants"][0]
    prediction = system.classifier()(system.images.splits["test"].files[0])
    return Answer("it answers", variant["InstanceType"].startswith("ml.c7g."), f"{variant}\n{prediction}")


@row(
    question="Does a container that cannot load its model say why, in CloudWatch?",
    expected='the new instance fails its ping health check; a line of its log is `"event": "failed"`, with the reason',
    step="broken",
)
def broken_model_says_why(system: ProvedSystem) -> Answer:
    """Deploy an archive without a model; read the deploy's failure and the endpoint's log."""
    facts = system.facts["broken"]
    lines = [line for line in system.endpoint_log("failed") if '"failed"' in line]
    good = "ping" in facts["failure"] and bool(lines) and facts["after"] == facts["before"]
    return Answer("it does" if lines else "the log says nothing", good, "\n".join([*lines[-1:], facts["failure"]]))


@row(
    question="Does SIGTERM reach the server, and are calls in progress answered when an instance goes?",
    expected='no failed call while the fleet scales in; the log has "Finished server process"',
    step="load",
)
def instance_goes_in_peace(system: ProvedSystem) -> Answer:
    """Call while the endpoint scales in, then read the endpoint's log."""
    facts = system.facts["load"]
    found = system.until(lambda: system.endpoint_log("Finished server process"), minutes=5, local_seconds=10)
    failed = facts["errors_meanwhile"]
    evidence = "\n".join([*found[-1:], f"{facts['calls_meanwhile']} calls, {len(failed)} failed", *failed[:3]])
    return Answer(f"{len(failed)} failed calls", bool(found) and not failed, evidence)


@row(
    question="May the role pull a `serving_image` of another account, and is its processor read before the deploy?",
    expected='"serving_image is built for arm64 …"; then serving completes',
    step="base",
    why="person",
)
def image_of_another_account(system: ProvedSystem) -> Answer:
    """It takes a second account: `make deploy SETTINGS=serving_image=…` with an image for arm64, then for x86-64."""
    return Answer("push an image to another account, and deploy it", None, f"now: {system.model_image()}")
