"""A step of the proof: a deploy or a load, after which rows are asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.prove.system import ProvedSystem

Facts = dict[str, Any]


@dataclass(frozen=True)
class ProofStep:
    """One step. Each needs the base deploy and the steps in `after`, and no other.

    Attributes:
        about: what it does, as it is announced.
        act: does it, and returns what its rows need to know.
        changes: settings that it deploys with, over those of all; its quotas are asked for first.
        minutes: estimate for an account, from the pauses and time limits in it; none of them was measured in one.
        seconds: how long on the local AWS, on two cores.
        jobs: training and processing jobs that it runs; a tuning job runs several.
        job_minutes: estimate, billed for each instance of each.
        fleets: further fleets of the endpoint that run meanwhile.
        account_only: it is left out on the local AWS.
        always: it is taken whatever happened before, and whatever it costs.
    """

    name: str
    about: str
    act: Callable[[ProvedSystem], Facts]
    minutes: float
    seconds: float
    changes: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    jobs: int = 0
    job_minutes: float = 5
    fleets: int = 0
    account_only: bool = False
    always: bool = False
