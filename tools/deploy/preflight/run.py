"""Runs all checks at once, and says what each found."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy.preflight.account import boundary, existing_key, role_path
from tools.deploy.preflight.bootstrap import bootstrapped
from tools.deploy.preflight.budget import billing_access
from tools.deploy.preflight.concurrency import concurrency
from tools.deploy.preflight.ec2 import ec2_plan, ec2_zone
from tools.deploy.preflight.images import endpoint_image, training_image
from tools.deploy.preflight.log_groups import free_log_groups
from tools.deploy.preflight.names import free_names
from tools.deploy.preflight.network import private_network
from tools.deploy.preflight.quotas import instances
from tools.deploy.preflight.region import resource_types
from tools.deploy.preflight.scaling_roles import scaling_roles
from tools.deploy.preflight.schedule import schedule
from tools.deploy.preflight.target import Check, Target, Unknown
from tools.preflight import NotReady

CHECKS: tuple[tuple[str, Check], ...] = (
    ("region", resource_types),
    ("SageMaker quotas", instances),
    ("Lambda concurrency", concurrency),
    ("training image", training_image),
    ("endpoint's image", endpoint_image),
    ("CDK bootstrap", bootstrapped),
    ("service-linked roles", scaling_roles),
    ("free names", free_names),
    ("EC2 zone", ec2_zone),
    ("EC2 plan", ec2_plan),
    ("existing key", existing_key),
    ("path of roles", role_path),
    ("private network", private_network),
    ("permissions boundary", boundary),
    ("log groups", free_log_groups),
    ("billing access", billing_access),
    ("endpoint's schedule", schedule),
)
_SECONDS = 9  # all in all, and
_AFTER_SYNTH = 4  # at least, for what waits for the synthesized app


@dataclass(frozen=True)
class Finding:
    """The result of one check; a wrong one has a finding for each mistake."""

    check: str
    state: Literal["right", "wrong", "unknown"]
    text: str

    def __str__(self) -> str:
        return f"{self.state:<8} {self.check}: {self.text}"


def require_ready(target: Target, *, say: Callable[[str], None]) -> None:
    """Pass a line for each finding that is not right to `say`, and how many are.

    Raises:
        NotReady: something is wrong.
    """
    findings = run(target)
    right = [finding for finding in findings if finding.state == "right"]
    say(f"preflight: {len(right)} of {len(findings)} checks are right")
    for finding in findings:
        if finding not in right:
            say(str(finding))
    if any(finding.state == "wrong" for finding in findings):
        raise NotReady("nothing was created: mend what is wrong, then run the same command again")


def run(target: Target, checks: Sequence[tuple[str, Check]] = CHECKS) -> list[Finding]:
    """Run the checks, in some ten seconds at most; one that has no answer by then is unknown.

    Raises:
        ReportedError: the app cannot be synthesized.
    """
    boto3.client("sts")  # makes what all clients share, which threads would make several times and get in their way
    begin = time.monotonic()
    asked = [(name, in_background(check, target)) for name, check in checks]
    target.assembly()
    now = time.monotonic()
    wait([answer for _, answer in asked], timeout=max(begin + _SECONDS - now, _AFTER_SYNTH))
    return [Finding(name, *said) for name, answer in asked for said in _outcome(answer)]


def in_background(function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Call the function in a thread that does not keep the process alive, unlike those of an executor."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future


def _outcome(answer: "Future[str]") -> Iterator[tuple[Literal["right", "wrong", "unknown"], str]]:
    if not answer.done():
        yield "unknown", f"no answer in {_SECONDS} seconds"
        return
    match answer.exception():
        case None:
            yield "right", answer.result()
        case NotReady(problems=problems):
            yield from (("wrong", problem) for problem in problems)
        case Unknown(problems=problems):
            yield from (("unknown", problem) for problem in problems)
        case ClientError() | BotoCoreError() as error:
            yield "unknown", str(error)
        case error:
            raise error
