"""Lambda behind `Custom::TrainedModel`: a model as a CloudFormation resource, trained at most once a digest.

CloudFormation asks for a model by its digest. One that is kept is signalled at once; else its training or
tuning job is started (or, when it runs already, joined), and a note is written of who waits. When a job
ends, or every few minutes in case that event was lost, each note is looked at again: a good model is kept
and success is signalled; everything else is signalled with its reason. Each step may happen twice: events
come at least once.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cloudformation import Unanswered, one_line, respond, signal
from jobs import KINDS, Job, Jobs, Kind, kind_of
from store import Result, Store, Waiting, data_manifest, job_artifact

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_PHYSICAL_ID = "trained-model"  # constant: a new model is an update, never a replacement that deletes the old
_NEVER_STARTED_SECONDS = 15 * 60


class Refused(Exception):
    """The model asked for cannot be had. The message goes into the stack's events."""


@dataclass(frozen=True)
class Wanted:
    """The resource's properties: which model, how good, how to train it, and whom to tell."""

    digest: str
    dataset: str
    floor: float
    request: dict[str, Any]
    wait_url: str

    @property
    def kind(self) -> Kind:
        """Of the job that makes the model."""
        return kind_of(self.request)

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> "Wanted":
        """Refused when a property is missing or unreadable."""
        try:
            return cls(
                digest=properties["Digest"],
                dataset=properties["Dataset"],
                floor=float(properties["AccuracyFloor"]),
                request=json.loads(properties["Request"]),
                wait_url=properties["WaitUrl"],
            )
        except KeyError as error:
            raise Refused(f"the resource lacks its property {error}") from None
        except ValueError as error:
            raise Refused(f"AccuracyFloor or Request cannot be read: {error}") from None


class Orchestrator:
    """Keeps the promise of one model a digest, with what is in `store` and what `jobs` run."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    def provide(self, wanted: Wanted) -> None:
        """Signal the model when it is there, else see to its training. Refused when it cannot be had."""
        result = self._store.result(wanted.digest)
        if result is None:
            result = self._already_trained(wanted)
        if result is None:
            self._train(wanted)
            return
        _check(result, wanted.floor)
        signal(wanted.wait_url, sender=result.job, data=str(result.test_accuracy))
        _logger.info("model is there already", extra={"digest": wanted.digest, "job": result.job})

    def remove(self, digest: str) -> None:
        """Nobody waits for this digest any more: stop its job, keep its model."""
        waiting = self._store.waiting(digest)
        if waiting is not None:
            self._jobs.stop(KINDS[waiting.kind], waiting.job)
            self._store.forget(digest)

    def look_again(self) -> None:
        """Signal every wait whose job has ended. Raises when any could not be, after trying all."""
        failed = []
        for waiting in self._store.all_waiting():
            try:
                self._look_at(waiting)
            except (BotoCoreError, ClientError, Unanswered) as error:
                _logger.exception("wait not signalled", extra={"job": waiting.job})
                failed.append(f"{waiting.job}: {error}")
        if failed:
            raise RuntimeError(f"waits to be tried again: {'; '.join(failed)}")

    def _already_trained(self, wanted: Wanted) -> Result | None:
        """The result of a completed job whose model was not kept, for example under a higher floor."""
        for job in self._jobs.of(wanted.kind, wanted.digest):
            # A job's files expire after some weeks; then only a new attempt can bring the model back.
            if job.status == "Completed" and job.model_from and self._store.exists(job_artifact(job.model_from)):
                return self._keep(wanted.digest, wanted.floor, job)
        return None

    def _train(self, wanted: Wanted) -> None:
        """Join the digest's running job, or start its next attempt."""
        jobs = list(self._jobs.of(wanted.kind, wanted.digest))
        running = [job.name for job in jobs if job.status == "InProgress"]
        if running:
            self._wait(wanted, running[-1])
            return
        manifest = data_manifest(wanted.dataset)
        if not self._store.exists(manifest):
            raise Refused(
                f"no data set at s3://{self._store.bucket}/{manifest.rpartition('/')[0]}/: upload one with "
                "`make upload DATA=FOLDER` and give the digest it prints as the setting dataset"
            )
        name = self._jobs.name(wanted.digest, len(jobs) + 1)
        # Noted first: a job that ended before the note was written would be waited for in vain.
        self._wait(wanted, name)
        try:
            self._jobs.start(wanted.kind, name, wanted.request)
        except ClientError as error:
            self._store.forget(wanted.digest)
            reason = error.response["Error"]["Message"]
            raise Refused(f"{wanted.kind.noun} {name} cannot be created: {reason}") from error
        _logger.info("job started", extra={"digest": wanted.digest, "job": name})

    def _wait(self, wanted: Wanted, job: str) -> None:
        self._store.wait(
            Waiting(
                digest=wanted.digest,
                kind=wanted.kind.resource,
                job=job,
                floor=wanted.floor,
                wait_url=wanted.wait_url,
                since=time.time(),
            )
        )

    def _look_at(self, waiting: Waiting) -> None:
        kind = KINDS[waiting.kind]
        job = self._jobs.find(kind, waiting.job)
        if job is None and time.time() - waiting.since < _NEVER_STARTED_SECONDS:
            return
        if job is not None and job.status in ("InProgress", "Stopping"):
            return
        try:
            if job is None:
                raise Refused(f"{kind.noun} {waiting.job} was never started: deploy again")
            result = self._finish(waiting, job)
        except Refused as refusal:
            signal(waiting.wait_url, sender=waiting.job, error=str(refusal))
            _logger.warning("no model", extra={"digest": waiting.digest, "reason": str(refusal)})
        else:
            signal(waiting.wait_url, sender=result.job, data=str(result.test_accuracy))
            _logger.info("model is there", extra={"digest": waiting.digest, "job": result.job})
        # Only now: had the signal failed, the note would bring us back to it.
        self._store.forget(waiting.digest)

    def _finish(self, waiting: Waiting, job: Job) -> Result:
        """The result of a job that has ended; Refused when it made no model, or none to keep."""
        if job.status != "Completed":
            raise Refused(job.why_not)
        try:
            return self._keep(waiting.digest, waiting.floor, job)
        except ClientError as error:
            # What S3 refuses today it refuses tomorrow: tell, rather than let the stack wait for hours.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise
            reason = error.response["Error"]["Message"]
            raise Refused(f"{job.title} completed, but its model was not copied: {reason}") from error

    def _keep(self, digest: str, floor: float, job: Job) -> Result:
        """Keep a completed job's model when it is good enough; Refused when it is not."""
        if job.model_from is None or job.test_accuracy is None:
            raise Refused(f"{job.title} completed without logging test:accuracy")
        result = Result(job=job.model_from, test_accuracy=job.test_accuracy)
        _check(result, floor)
        self._store.keep(digest, result)
        return result


def _check(result: Result, floor: float) -> None:
    if result.test_accuracy < floor:
        raise Refused(
            f"test accuracy {result.test_accuracy:.4g} is under the floor {floor:.4g} (training job {result.job})"
        )


def handler(event: dict[str, Any], context: object) -> None:
    """Answer CloudFormation, or look again at who waits when EventBridge says so."""
    if "RequestType" in event:
        _answer(event)
    elif event.get("source") in ("aws.sagemaker", "aws.events"):
        _orchestrator().look_again()
    else:
        raise ValueError(f"neither a CloudFormation nor an EventBridge event: it has {sorted(event)}")


def _answer(event: dict[str, Any]) -> None:
    """Do what CloudFormation asks and tell it how that went: every way out of here is an answer."""
    error = None
    try:
        _do(event)
    except Refused as refusal:
        error = str(refusal)
    except Exception as unexpected:
        _logger.exception("request failed")
        error = f"{type(unexpected).__name__}: {unexpected}"
    _logger.info("answer", extra={"request": event["RequestType"], "error": one_line(error or "none")})
    respond(event, physical_id=_PHYSICAL_ID, error=error)


def _do(event: dict[str, Any]) -> None:
    properties = event.get("ResourceProperties", {})
    orchestrator = _orchestrator()
    match event["RequestType"]:
        case "Create":
            orchestrator.provide(Wanted.read(properties))
        case "Update":
            wanted = Wanted.read(properties)
            orchestrator.provide(wanted)
            replaced = event.get("OldResourceProperties", {}).get("Digest")
            if replaced and replaced != wanted.digest:
                orchestrator.remove(replaced)
        case "Delete":
            # A resource whose creation failed over its properties has nothing to remove.
            if digest := properties.get("Digest"):
                orchestrator.remove(digest)
        case unknown:
            raise Refused(f"unknown request type {unknown}")


def _orchestrator() -> Orchestrator:
    store = Store(boto3.client("s3"), os.environ["BUCKET"])
    return Orchestrator(store, Jobs(boto3.client("sagemaker"), os.environ["JOB_PREFIX"]))
