"""Periodic work of local AWS: publish metrics, evaluate alarms, scale."""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from ministack.core.responses import request_scope

from local_aws.clock import time_factor
from local_aws.home import ACCOUNT

_log = logging.getLogger(__name__)
_BEATS_PER_PERIOD = 5  # of the shortest metric period, 10 s


async def beat(steps: list[Callable[[float], None]]) -> None:
    """Run the steps for ever on the server's event loop, each with the current time (epoch seconds).

    They run on the event loop because MiniStack's handlers, which share their data, run there. A step that fails is
    logged and runs again at the next beat.
    """
    seconds = min(1.0, 10 / time_factor() / _BEATS_PER_PERIOD)
    with request_scope(ACCOUNT, os.environ["MINISTACK_REGION"]):
        while True:
            for step in steps:
                try:
                    step(time.time())
                except Exception:
                    _log.exception("%s failed", step.__module__)
            await asyncio.sleep(seconds)
