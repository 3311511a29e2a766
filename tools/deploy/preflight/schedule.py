"""Changes of the endpoint's limits by its schedule: each comes at least once more."""

import time

from aws.schedule import Schedule
from tools.deploy.preflight.target import Target
from tools.preflight import NotReady


def schedule(target: Target) -> str:
    """Every entry of `endpoint_schedule` is due again.

    No page of AWS says whether it takes an action that never is; it would refuse it after the training.
    """
    settings = target.settings
    over = [
        limits.schedule
        for limits in settings.scheduled_limits
        if Schedule.parse(limits.schedule, settings.endpoint_schedule_timezone).next_after(time.time()) is None
    ]
    if over:
        raise NotReady([f"{expression} is over: take it out of endpoint_schedule" for expression in over])
    return f"changes that are to come: {len(settings.scheduled_limits)}"
