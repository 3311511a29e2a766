"""Compares the capacity simulator with local AWS: number of instances over time under the same traffic and policy.

A toy endpoint, whose instances answer two requests at once in 0.2 s each, gets 200 s of load while local AWS
scales it 20 times as fast as AWS does. The simulator gets the same load on AWS's clock, and the average time that
instances took to start. The ratio is the share of the time in which both have the same number of instances.

An instance accepts as many requests as the server does, and the shares of refused requests must be within five points.
p99 is in the note only. With a full queue it is the waiting time of that queue; otherwise each second that the first
new instance takes to start adds a third of a second.
"""

import asyncio

import boto3
import numpy as np
from rich.console import Console

from bench import toy_endpoint
from bench.own_aws import own_aws
from bench.result import BenchmarkResult
from serving.admission import MAX_IN_FLIGHT
from tools.capacity.instance import InstanceQueue
from tools.capacity.policy import SimulatedPolicy
from tools.capacity.simulation import SimulationResult, simulate
from tools.load.curve import Curve
from tools.load.endpoint import EndpointUnderTest
from tools.load.images import RequestImage
from tools.load.invoke import Invoker
from tools.load.record import Record
from tools.load.run import LoadRun
from tools.load.summary import Summary
from tools.load.watch import Observation

FACTOR = 20.0
GOAL = 0.85
MAX_DIFFERENCE = 0.05  # between the shares of refused requests
SECONDS, SERVERS = 0.2, 2
QUEUE = MAX_IN_FLIGHT - SERVERS
POLICY = SimulatedPolicy("concurrency", 2.0, minimum=1, maximum=3, scale_out_cooldown=60, scale_in_cooldown=120)
# In real seconds, and requests a real second; one instance answers 10.
TRAFFIC = Curve(np.array([0.0, 15, 15, 110, 110, 200]), np.array([2.0, 2, 13, 13, 2, 2]))


def run() -> BenchmarkResult:
    with own_aws(FACTOR):
        seen, alone, measured = _on_local_aws()
    started = starting_seconds(seen)
    outcome = simulate(
        Curve(TRAFFIC.seconds * FACTOR, TRAFFIC.rates / FACTOR),
        POLICY,
        InstanceQueue.measured(SERVERS / SECONDS / FACTOR, alone * FACTOR, QUEUE),
        start_seconds=started * FACTOR,
        seed=0,
    )
    times = np.arange(0, TRAFFIC.duration, 0.5)
    local = np.array([_last(seen, time) for time in times])
    simulated = serving(outcome, times * FACTOR)
    agree = float((local == simulated).mean())
    p99, refused, locally = outcome.p99 / FACTOR, outcome.dropped_share, measured.failed / measured.calls
    holds = simulated.max() == local.max() and abs(refused - locally) <= MAX_DIFFERENCE
    note = (
        f"mean instances over {TRAFFIC.duration:g} s at {FACTOR:g} times AWS's pace, simulated and local (maximum: "
        f"{simulated.max()}, {local.max()}); ratio: share of the time with the same number; start {started:.0f} s; "
        f"p99 {p99:.1f} and {measured.p99:.1f} s, refused {refused:.1%} and {locally:.1%} "
        f"(limit: {100 * MAX_DIFFERENCE:g} points of difference)"
    )
    return BenchmarkResult(
        "capacity-check", round(float(simulated.mean()), 2), round(float(local.mean()), 2), "instances",
        round(agree, 3), GOAL, note, holds=bool(holds),
    )  # fmt: skip


def starting_seconds(seen: list[Observation]) -> float:
    """Average seconds from a scaling decision until the new instances serve.

    Raises:
        RuntimeError: local AWS did not scale out.
    """
    took, since = [], None
    for observation in seen:
        if observation.desired > observation.instances:
            since = observation.seconds if since is None else since
        elif since is not None:
            took.append(observation.seconds - since)
            since = None
    if not took:
        raise RuntimeError("local AWS did not scale out")
    return sum(took) / len(took)


def serving(outcome: SimulationResult, times: np.ndarray) -> np.ndarray:
    """Instances in service at each of `times` (simulated seconds)."""
    return np.rint(outcome.serving[np.searchsorted(outcome.second, times, side="right") - 1]).astype(int)


def _on_local_aws() -> tuple[list[Observation], float, Summary]:
    """Run the traffic on local AWS; returns instances over time, latency of a single request (s), and a summary."""
    name = toy_endpoint.create(seconds=SECONDS, servers=SERVERS, queue=QUEUE)
    scaling = boto3.client("application-autoscaling")
    place = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/{toy_endpoint.VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**place, MinCapacity=POLICY.minimum, MaxCapacity=POLICY.maximum)
    scaling.put_scaling_policy(
        **place,
        PolicyName="toy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
            },
            "TargetValue": POLICY.target,
            "ScaleOutCooldown": round(POLICY.scale_out_cooldown),
            "ScaleInCooldown": round(POLICY.scale_in_cooldown),
        },
    )
    return asyncio.run(_drive(name))


async def _drive(name: str) -> tuple[list[Observation], float, Summary]:
    record = Record("check", name, "toy", {})
    async with Invoker(name, [RequestImage(b"hello", "text/plain")], timeout=60) as send:
        run = LoadRun(send, EndpointUnderTest(name), record, Console(quiet=True))
        alone = (await run.ask(1, 3)).p50
        record.calls.clear()
        summary = await run.follow(TRAFFIC, "poisson", 0)
    return record.observations, alone, summary


def _last(seen: list[Observation], time: float) -> int:
    """Instances in service at `time`, by the last observation before it."""
    return next(
        (observation.instances for observation in reversed(seen) if observation.seconds <= time), seen[0].instances
    )
