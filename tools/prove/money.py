"""The cost of a proof at AWS's list prices: said before, counted meanwhile, and held under a maximum."""

import time
from collections.abc import Iterable

from aws.prices import DEFAULT_REGION, HOURS, UnknownPrice, instance_hour
from iam.template import load
from settings import Settings, read_settings
from tools.assembly import SynthesizedApp
from tools.cost.estimate import estimate
from tools.cost.usage import Usage
from tools.prove.state import ProofState
from tools.prove.step import ProofStep
from training.errors import ReportedError

# A proof makes thousands of calls, and stores megabytes: what it costs is what stands there while it runs.
_USAGE = Usage(predictions=1, trainings=0, stored_gib=0.1)


class OutOfBudget(ReportedError):
    """The next step would cost more than is left; the message has the amounts."""


def standing_hour(assembly: SynthesizedApp, region: str) -> float:
    """Dollars an hour of everything in these templates, training aside.

    Raises:
        UnknownPrice: something has no price in the region.
    """
    estimated = estimate(load(assembly.folder), _USAGE, region)
    for missing in estimated.unpriced:
        raise UnknownPrice(missing)
    return estimated.month / HOURS


def priced_region(assembly: SynthesizedApp, steps: Iterable[tuple[ProofStep, Settings]], region: str) -> str:
    """The region, if the table has a price of everything that the proof deploys; else the one that it has whole."""
    try:
        hour = standing_hour(assembly, region)
        for step, settings in steps:
            step_usd(step, settings, hour, region)
    except UnknownPrice:
        return DEFAULT_REGION
    return region


def step_usd(step: ProofStep, settings: Settings, hour: float, region: str) -> float:
    """Dollars that the step costs in an account, where `hour` dollars an hour stand, at the region's prices.

    Raises:
        UnknownPrice: an instance type has no price.
    """
    dollars = step.minutes / 60 * hour
    if step.fleets:
        fleet = settings.endpoint_min_instances * instance_hour(settings.endpoint_instance_type, region)
        dollars += step.minutes / 60 * step.fleets * fleet
    if step.jobs:
        hours = step.jobs * settings.training_instance_count * step.job_minutes / 60
        dollars += hours * instance_hour(settings.training_instance_type, region)
    if settings.notebook:
        dollars += step.minutes / 60 * instance_hour(settings.notebook_instance_type, region)
    if settings.ec2_training:
        dollars += step.minutes / 60 * instance_hour(settings.ec2_instance_type, region)
    return dollars


class Bill:
    """Counts into `state` what stands at `hour` dollars an hour, and what steps cost beside it.

    Args:
        maximum: dollars that the whole proof may cost; None: any amount.
        region: the one whose prices count.
    """

    def __init__(self, state: ProofState, hour: float, maximum: float | None, region: str) -> None:
        self._state, self._hour, self._maximum, self._region = state, hour, maximum, region
        self._began = time.time()

    def count(self) -> None:
        """Count what stood until now. What an interrupted run left standing counts too."""
        now = time.time()
        self._state.usd += (now - (self._state.clock or now)) / 3600 * self._hour
        self._state.clock = now
        self._state.seconds += now - self._began
        self._began = now

    def require(self, steps: Iterable[ProofStep]) -> None:
        """Raise OutOfBudget if these steps would lead over the maximum."""
        self.count()
        cost = sum(self.usd(step) for step in steps)
        if self._maximum is not None and self._state.usd + cost > self._maximum:
            raise OutOfBudget(
                f"MAX_USD={self._maximum:g}: {self._state.usd:.2f} $ are spent, and the next step with the removal "
                f"costs about {cost:.2f} $"
            )

    def usd(self, step: ProofStep) -> float:
        return step_usd(step, read_settings({**self._state.settings, **step.changes}), self._hour, self._region)

    def add(self, step: ProofStep) -> None:
        """Count what the step costs beside what stands: its jobs, and further instances."""
        settings = read_settings({**self._state.settings, **step.changes})
        self._state.usd += step_usd(step, settings, 0.0, self._region)
