"""Steps with other ways in than the function: an HTTP API, and a scoring while the endpoint is off."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3

from settings.names import data_folder, scoring_prefix, scoring_results
from tools.classify_client import sample_image
from tools.prove.step import Facts
from tools.prove.system import ProvedSystem
from tools.score import images, job, results
from training.folder import digest

API = {"api": "iam"}
OFF = {"endpoint": "off"}


def api(system: ProvedSystem) -> Facts:
    system.deploy("serving", **API)
    return {"url": system.outputs("serving")["ApiUrl"]}


def off(system: ProvedSystem) -> Facts:
    """Switch the endpoint off, as `make sleep` does; classify and score meanwhile; and switch it on, as `make wake`."""
    endpoint, live = system.endpoint_name, system.model()["PrimaryContainer"]["ModelDataUrl"]
    before, image = system.job_names(), system.images.splits["test"].files[0]
    system.deploy(**OFF)
    facts: Facts = {
        "endpoints": [
            each["EndpointName"]
            for each in boto3.client("sagemaker").list_endpoints(NameContains=endpoint)["Endpoints"]
        ],
        "answer": system.classifier().answer({"image": sample_image()}),
        **_score(system),
    }
    system.deploy()
    return facts | {
        "same_model": system.model()["PrimaryContainer"]["ModelDataUrl"] == live,
        "jobs": system.job_names(besides=before),
        "awake": str(system.classifier()(image)),
    }


def _score(system: ProvedSystem) -> Facts:
    """Score the test images where they lie."""
    name, client = f"{int(time.time()):x}", boto3.client("s3")
    template = json.loads(system.outputs("serving")["ScoringJob"])
    found = images.in_bucket(
        client, system.bucket, f"s3://{system.bucket}/{data_folder(digest(system.images))}test/", callers_folder=""
    )
    target = scoring_results(name)
    job_name = scoring_prefix(system.prefix) + name
    job.start(
        job.request_of(
            template, job_name, found, f"s3://{system.bucket}/{target}",
            instance=job.instance_of(template, None), count=1, labels=None,
        )
    )  # fmt: skip
    job.wait(job_name, system.say)
    with TemporaryDirectory() as folder:
        summary = results.fetch(client, system.bucket, target, Path(folder) / "scores.jsonl", expected=found.count)
    return {
        "images": found.count,
        "scored": summary.images,
        "labels": dict(summary.labels),
        "errors": dict(summary.errors),
    }
