"""Lambda function behind `Custom::TrainedModel`: a model as a CloudFormation resource, trained at most once a digest.

It also answers for `Custom::ExistingEndpoint` and `Custom::LiveEndpoint`, see `live_endpoint`.

CloudFormation requests a model by its digest. If the model is kept already, the function signals success at once. Else
it starts the training or tuning job, or joins the running one, and writes a note that the stack waits. When a job ends,
and every few minutes in case that event was lost, the function checks every note: it keeps a model that reaches the
accuracy floor and signals success, or signals failure with the reason. Every step may run twice, as events may come so.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError
from cloudformation import one_line, respond, signal
from jobs import ACCURACIES, KINDS, JobKind, Jobs, SageMakerJob, kind_of
from live_endpoint import OF_ENDPOINTS, NotLive, look
from store import ModelResult, Store, WaitingStack, data_manifest, job_artifact

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_PHYSICAL_ID = "trained-model"  # constant: a new model is an update, not a replacement, which would delete the old one
_NEVER_STARTED_SECONDS = 15 * 60


def handler(event: dict[str, Any], context: object) -> None:
    """Handle a request of CloudFormation, or an event of EventBridge: a job has ended, or the sweep is due."""
    if "RequestType" in event:
        _respond_to(event)
    elif event.get("source") in ("aws.sagemaker", "aws.events"):
        _orchestrator().check_waiting()
    else:
        raise ValueError(f"neither a CloudFormation nor an EventBridge event: it has {sorted(event)}")


def _respond_to(event: dict[str, Any]) -> None:
    """Carry out a request of CloudFormation and respond to it. Responds on every error too."""
    error, attributes, kind = None, {}, event.get("ResourceType", "")
    try:
        attributes = look(boto3.client("sagemaker"), event) if kind in OF_ENDPOINTS else _carry_out(event)
    except (Refused, NotLive) as refused:
        error = str(refused)
    except Exception as unexpected:
        _logger.exception("request failed")
        error = f"{type(unexpected).__name__}: {unexpected}"
    _logger.info("answer", extra={"request": event["RequestType"], "error": one_line(error or "none")})
    respond(event, physical_id=OF_ENDPOINTS.get(kind, _PHYSICAL_ID), error=error, attributes=attributes)


def _carry_out(event: dict[str, Any]) -> dict[str, str]:
    """Carry out a request of CloudFormation for a model, a resource without attributes."""
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
            # A resource whose creation failed because of its properties has nothing to remove.
            if digest := properties.get("Digest"):
                orchestrator.remove(digest)
        case unknown:
            raise Refused(f"unknown request type {unknown}")
    return {}


def _orchestrator() -> "Orchestrator":
    store = Store(boto3.client("s3"), os.environ["BUCKET"])
    return Orchestrator(store, Jobs(boto3.client("sagemaker"), os.environ["JOB_PREFIX"]))


class Refused(Exception):
    """The requested model cannot be provided. The message goes into the stack's events."""


@dataclass(frozen=True)
class Wanted:
    """Properties of the resource."""

    digest: str
    dataset: str
    floor: float
    class_floor: float
    request: dict[str, Any]  # that creates the job, without its name
    wait_url: str  # pre-signed, of the wait condition

    @property
    def kind(self) -> JobKind:
        return kind_of(self.request)

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> "Wanted":
        """Read the properties; Refused if one is missing or unreadable."""
        try:
            return cls(
                digest=properties["Digest"],
                dataset=properties["Dataset"],
                floor=float(properties["AccuracyFloor"]),
                class_floor=float(properties.get("ClassAccuracyFloor", 0)),  # a roll-back to an old version has none
                request=json.loads(properties["Request"]),
                wait_url=properties["WaitUrl"],
            )
        except KeyError as error:
            raise Refused(f"the resource lacks its property {error}") from None
        except ValueError as error:
            raise Refused(f"AccuracyFloor, ClassAccuracyFloor or Request cannot be read: {error}") from None


class Orchestrator:
    """Trains each digest at most once: looks into `store` for a model and into `jobs` for a job first."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    def provide(self, wanted: Wanted) -> None:
        """Signal success if the model is kept, else start or join its training. Raises Refused."""
        result = self._store.result(wanted.digest) or self._already_trained(wanted)
        if result is None:
            self._train(wanted)
            return
        _require_floors(result, wanted)
        signal(wanted.wait_url, sender=result.job, data=str(result))
        _logger.info("model is there already", extra={"digest": wanted.digest, "job": result.job})

    def remove(self, digest: str) -> None:
        """Stop the job of a digest that no stack waits for any more. A model stays."""
        waiting = self._store.waiting(digest)
        if waiting is not None:
            self._jobs.stop(KINDS[waiting.kind], waiting.job)
            self._store.forget(waiting)

    def check_waiting(self) -> None:
        """Signal every wait whose job has ended; RuntimeError after all of them if one could not be signalled."""
        failed = []
        for note in self._store.notes():
            try:
                if waiting := self._store.read_note(note):
                    self._check_job(waiting)
            except Exception as error:  # one note, whatever is in it, must not hold up the others
                _logger.exception("wait not signalled", extra={"note": note})
                failed.append(f"{note}: {type(error).__name__}: {error}")
        if failed:
            raise RuntimeError(f"waits to be tried again: {'; '.join(failed)}")

    def _already_trained(self, wanted: Wanted) -> ModelResult | None:
        """Keep the model of a completed job that was not kept, for example because the floor was higher then."""
        for job in self._jobs.attempts(wanted.kind, wanted.digest):
            # A job's files expire after some weeks. Then only a new attempt makes the model again.
            if job.status == "Completed" and job.model_from and self._store.exists(job_artifact(job.model_from)):
                return self._keep(wanted, job)
        return None

    def _train(self, wanted: Wanted) -> None:
        """Join the digest's running job, or start the next attempt."""
        jobs = list(self._jobs.attempts(wanted.kind, wanted.digest))
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
        # The note first: the end of a job without a note is ignored, and the stack would wait for nothing.
        note = self._wait(wanted, name)
        try:
            self._jobs.start(wanted.kind, name, wanted.request)
        except ClientError as error:
            self._store.forget(note)
            reason = error.response["Error"]["Message"]
            raise Refused(f"{wanted.kind.noun} {name} cannot be created: {reason}") from error
        _logger.info("job started", extra={"digest": wanted.digest, "job": name})

    def _wait(self, wanted: Wanted, job: str) -> WaitingStack:
        return self._store.wait(
            WaitingStack(
                digest=wanted.digest,
                kind=wanted.kind.resource,
                job=job,
                floor=wanted.floor,
                class_floor=wanted.class_floor,
                wait_url=wanted.wait_url,
                since=time.time(),
            )
        )

    def _check_job(self, waiting: WaitingStack) -> None:
        """Signal the stack if its job has ended or was never started."""
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
        except Refused as refused:
            signal(waiting.wait_url, sender=waiting.job, error=str(refused))
            _logger.warning("no model", extra={"digest": waiting.digest, "reason": str(refused)})
        else:
            signal(waiting.wait_url, sender=result.job, data=str(result))
            _logger.info("model is there", extra={"digest": waiting.digest, "job": result.job})
        # Last: if the signal failed, the note makes the next sweep send it again.
        self._store.forget(waiting)

    def _finish(self, waiting: WaitingStack, job: SageMakerJob) -> ModelResult:
        """Keep the model of a job that has ended; Refused if the job failed or the model is not good enough."""
        if job.status != "Completed":
            raise Refused(job.why_not)
        try:
            return self._keep(waiting, job)
        except ClientError as error:
            # S3 would refuse a retry too: fail now, instead of letting the stack wait for hours.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise
            reason = error.response["Error"]["Message"]
            raise Refused(f"{job.title} completed, but its model was not copied: {reason}") from error

    def _keep(self, asked: Wanted | WaitingStack, job: SageMakerJob) -> ModelResult:
        """Keep a completed job's model if it reaches the floors; Refused if it does not."""
        if job.model_from is None:
            raise Refused(f"{job.title} completed without a best training job")
        if missing := [name for name in ACCURACIES if name not in job.accuracies]:
            raise Refused(f"{job.title} completed without logging {', '.join(missing)}")
        result = ModelResult(job.model_from, *(job.accuracies[name] for name in ACCURACIES))
        _require_floors(result, asked)
        self._store.keep(asked.digest, result)
        return result


def _require_floors(result: ModelResult, asked: Wanted | WaitingStack) -> None:
    if why := result.under(asked.floor, asked.class_floor):
        raise Refused(why)
