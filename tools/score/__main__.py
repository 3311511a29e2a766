"""Classify a folder of images with the deployed model, as a SageMaker processing job.

    make score DATA=folder                                   nested or not, a zip or tar too; it is uploaded
    make score DATA=s3://BUCKET/data/DIGEST/test/            images in the deployment's bucket
    make score DATA=folder ARGS="--instance-type ml.c5.4xlarge --instance-count 3"
    make score DATA=folder ARGS=--json                       for programs

The job runs the endpoint's image and the live model, with a role of its own and without a network; the endpoint may be
off. Instances bill for the minutes that they run. out/scores/NAME.jsonl gets a line of JSON for each image: its
predictions, or why there are none. Broken images stop nothing.
"""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from settings.names import SCORE_DAYS, resource_name, scoring_folder, scoring_input, scoring_prefix, scoring_results
from tools.cli import add_json, chosen_settings, command, count, make_parser, path_or_address, print_json
from tools.dataset.upload import explain, holds, s3_client
from tools.deploy.interrupted import end_command
from tools.deploy.inventory import DeployedResource
from tools.deployment import deployment
from tools.preflight import require_aws
from tools.score import images, job, results
from tools.stack import outputs
from training.errors import InputError

RESULTS = Path("out/scores")
_NAME = re.compile(r"[a-z0-9](-?[a-z0-9])*")
_LONGEST_JOB = 63  # ProcessingJobName, SageMaker API reference


@command
def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    settings = chosen_settings(given)
    words = deployment(settings)
    name = given.name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    job_name = scoring_prefix(settings.prefix) + name
    if not _NAME.fullmatch(name) or len(job_name) > _LONGEST_JOB:
        most = _LONGEST_JOB - len(job_name) + len(name)
        raise InputError(f"--name {name}: give small letters, digits and single hyphens, {most} at most")
    files = None if given.data.startswith("s3://") else images.local_files(Path(given.data))
    _, region = require_aws()
    serving = outputs(resource_name(settings.prefix, "serving"))
    bucket = outputs(resource_name(settings.prefix, "storage"))["BucketName"]
    if "ScoringJob" not in serving:
        raise InputError(f"what is deployed is of an earlier version, without scoring: make deploy{words}")
    say = lambda line: print(line, file=sys.stderr if given.json else sys.stdout, flush=True)  # noqa: E731
    client = s3_client()
    template = json.loads(serving["ScoringJob"])
    instance = job.instance_of(template, given.instance_type)
    prefix = scoring_folder(name) if files else scoring_results(name)
    _require_free(client, bucket, prefix, serving["ModelDataUrl"], words)
    if files is None:
        folder = serving.get("S3Images", "").removeprefix(f"s3://{bucket}/")
        found = images.in_bucket(client, bucket, given.data, callers_folder=folder)
    else:
        with _saying(f"stopped; no job was started. s3://{bucket}/{scoring_input(name)} expires in {SCORE_DAYS} days"):
            found = images.upload(client, bucket, name, files)
    target = f"s3://{bucket}/{scoring_results(name)}"
    request = job.request_of(
        template, job_name, found, target, instance=instance, count=given.instance_count, labels=given.labels
    )
    job.start(request)
    with _saying(_what_runs(request, region, target)):
        ended = job.wait(job_name, say)
    path = RESULTS / f"{name}.jsonl"
    with _saying(f"stopped; the job is done, and its results are in {target}"):
        summary = results.fetch(client, bucket, scoring_results(name), path, expected=found.count)
    known = results.facts(summary, ended, region) | {"results": str(path), "s3": target}
    if given.json:
        print_json(known)
        return
    for line in results.lines(known):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("score", __doc__)
    parser.add_argument(
        "data",
        type=path_or_address,
        help="a folder of images, a zip or tar of one, or s3://… in the deployment's bucket",
    )
    parser.add_argument("--name", help="of the results, small letters, digits and hyphens; default: the time")
    parser.add_argument("--instance-type", metavar="TYPE", help="default: the endpoint's")
    parser.add_argument("--instance-count", type=count, default=1, metavar="N", help="share the images; default: 1")
    parser.add_argument("--labels", type=count, metavar="N", help="at most so many labels an image; default: 5")
    add_json(parser, "the summary as an object")
    return parser


def _require_free(client: Any, bucket: str, prefix: str, model: str, words: str) -> None:
    """Raise InputError if something lies below the prefix, or if there is no model. `words` name the deployment."""
    key = model.removeprefix(f"s3://{bucket}/")
    try:
        if not holds(client, bucket, key):
            raise InputError(f"no model at {model}: make deploy{words} trains it again")
        if holds(client, bucket, prefix):
            raise InputError(f"s3://{bucket}/{prefix} is of a scoring of the same name: give another --name")
    except ClientError as error:
        raise InputError(explain(error, bucket, client.meta.endpoint_url)) from error


def _what_runs(request: dict[str, Any], region: str, target: str) -> str:
    """Text about a job that Ctrl-C leaves running: its price, and how to end it."""
    name, cluster = request["ProcessingJobName"], request["ProcessingResources"]["ClusterConfig"]
    usd = results.usd_an_hour(cluster, region)
    price = "by the second" if usd is None else f"{usd:.2f} $ an hour"
    return (
        f"stopped here; in AWS job {name} runs on and bills {price}, until it is done; its results will be in "
        f"{target}. End it: {end_command(DeployedResource('scoring job', name))}"
    )


@contextlib.contextmanager
def _saying(message: str) -> Iterator[None]:
    """Have Ctrl-C, or an AWS that answers no more, say the message."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message) from None
    except (BotoCoreError, ClientError) as error:  # credentials may expire before a long job ends
        raise InputError(f"{error}: {message}") from error


if __name__ == "__main__":
    sys.exit(main())
