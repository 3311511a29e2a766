"""A load under which the endpoint and the function scale."""

import asyncio
import threading
import time

import boto3

from settings.names import ALIAS
from tools.load.engine import TimedCall, closed_loop
from tools.load.images import read_images
from tools.load.invoke import Invoker
from tools.load.summary import summarize
from tools.prove.step import Facts
from tools.prove.system import ProvedSystem

_CLIENTS = 300  # over the 64 that each of three instances takes at a time
_TIMEOUT = 60.0
_SECONDS, _LOCAL_SECONDS = 180.0, 12.0
_FUNCTION_CLIENTS = 4  # more than the one that is provisioned


def load(system: ProvedSystem) -> Facts:
    """Overload the endpoint, and the function with it; then call now and then until it has scaled in again."""
    minimum, began = system.settings.endpoint_min_instances, time.time()
    calls: list[TimedCall] = []
    seconds = _LOCAL_SECONDS if system.local else _SECONDS
    with BusyFunction(system):
        asyncio.run(_send(system.endpoint_name, seconds, calls))
        alias = f"function:{system.outputs('serving')['FunctionName']}:{ALIAS}"
        system.until(lambda: system.scaling_activities("lambda", alias), minutes=10)
    scaled_out = system.until(lambda: max(_desired(system), 0) > minimum and _desired(system), minutes=10)
    with system.steady_client() as client:
        system.until(lambda: _instances(system) == (scaled_out, "InService"), minutes=15)
        system.until(lambda: _instances(system) == (minimum, "InService"), minutes=40, local_seconds=120)
    summary = summarize(calls, seconds)
    refused = sorted(call.latency for call in calls if "429" in call.error)
    return {
        "began": began,
        "seconds": seconds,
        "calls": summary.calls,
        "served": summary.served,
        "errors": dict(summary.errors),
        "refused_p50": refused[len(refused) // 2] if refused else None,
        "refused_max": refused[-1] if refused else None,
        "most": scaled_out,
        "instances_after": _instances(system)[0],
        "calls_meanwhile": client.calls,
        "errors_meanwhile": client.errors[:20],
    }


async def _send(endpoint: str, seconds: float, calls: list[TimedCall]) -> None:
    async with Invoker(endpoint, read_images(None), timeout=_TIMEOUT) as send:
        await closed_loop(send, concurrency=_CLIENTS, seconds=seconds, calls=calls)


class BusyFunction:
    """Context manager in which several clients call the function without a pause."""

    def __init__(self, system: ProvedSystem) -> None:
        self._classify, self._images = system.classifier(), system.images.splits["test"].files
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_FUNCTION_CLIENTS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_TIMEOUT)

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                self._classify(self._images[number % len(self._images)])
            except Exception:  # an overloaded endpoint refuses, and that is not what these calls are for
                self._stop.wait(0.1)


def _desired(system: ProvedSystem) -> int:
    [variant] = system.endpoint()["ProductionVariants"]
    return int(variant["DesiredInstanceCount"])


def _instances(system: ProvedSystem) -> tuple[int, str]:
    described = boto3.client("sagemaker").describe_endpoint(EndpointName=system.endpoint_name)
    [variant] = described["ProductionVariants"]
    return int(variant["CurrentInstanceCount"]), str(described["EndpointStatus"])
