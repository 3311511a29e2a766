"""Each process of the system is killed at each step of a deploy that it has a part in. Three things are looked at.

Nothing is left running; the old endpoint answered throughout, but for the seconds in which its own server starts again;
the next deploy converges. One case: make soak ARGS="-k 'function-endpoint'".
"""

import os
import signal
import time
from typing import Any

import boto3
import psutil
import pytest

from local_aws.home import Home, read_env
from local_aws.lifecycle import up
from local_aws.running import current
from settings import read_settings
from tests.waiting import until, until_nothing_is_left_of
from tools.deploy.check import check
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.stacks import deploy_everything
from tools.preflight import require_aws

from . import kills
from .conftest import System
from .kills import CallingClient, Deploy

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

SECONDS = 3.0  # after which a killed server answers again
CASES = [
    ("command", "custom resource"),
    ("command", "training"),
    ("command", "endpoint"),
    ("training job", "training"),
    ("function", "custom resource"),
    ("function", "live check"),
    ("model server", "training"),
    ("model server", "endpoint"),
]


@pytest.mark.parametrize(("victim", "step"), CASES, ids=[f"{victim}-{step}" for victim, step in CASES])
def test_after_a_kill_nothing_is_left_the_endpoint_answers_and_the_next_deploy_converges(
    system: System, aws: Home, victim: str, step: str
) -> None:
    seed = str(100 + CASES.index((victim, step)))

    with CallingClient(system.images.splits["test"].files) as client:
        deploy = Deploy(system, seed=seed)
        code = deploy.run(step, lambda it: it.kill_command() if victim == "command" else kills.kill(aws, victim))
        kills.until_idle()
        until(lambda: not deploy.left, told=lambda: deploy.left)
        until(lambda: not kills.running_jobs(), told=kills.running_jobs)
        again = Deploy(system, seed=seed)
        assert again.run() == 0, again.lines[-20:]

    print(f"{victim} at {step}: exit code {code}, {client.calls} calls, {client.failures}")
    assert deploy.victims, deploy.lines[-20:]
    # A new instance that dies before it is ready fails the endpoint's update, which is then taken back.
    codes = {"command": [-signal.SIGKILL], "training job": [1], "model server": [0, 1]}.get(victim, [0])
    assert code in codes, deploy.lines[-20:]
    assert client.calls > 20
    assert client.lost(kills=deploy.killed if victim == "model server" else (), within=SECONDS) == []
    assert check(read_settings(system.settings), system.synthesize(seed=seed), say=print)
    assert instances(system) == 1


def instances(system: System) -> int:
    described: Any = system.endpoint()
    return int(described["ProductionVariants"][0]["CurrentInstanceCount"])


def test_a_second_deploy_beside_the_first_is_told_so_and_changes_nothing(system: System, aws: Home) -> None:
    first = Deploy(system, seed="200")
    second: list[Deploy] = []

    def deploy_beside(_: Deploy) -> int:
        """Hold the first one's training for as long as the second one takes."""
        training = kills.processes_of(aws, "training job")
        if training and not second:
            for process in training:
                process.suspend()
            second.append(Deploy(system, seed="201"))
            second[0].run()
            for process in training:
                process.resume()
        return len(second)

    assert first.run("training", deploy_beside) == 0, first.lines[-20:]

    assert second[0].process.returncode == 1, second[0].lines[-20:]
    [error] = [line for line in second[0].lines if line.startswith("error:")]
    assert "stack e2e-dev-trained-model is being changed since" in error
    assert check(read_settings(system.settings), system.synthesize(seed="200"), say=print)


def test_six_minutes_with_two_updates_scaling_and_one_kill_lose_no_call_outside_three_seconds(
    system: System, aws: Home
) -> None:
    begun, scaling = time.monotonic(), boto3.client("application-autoscaling")
    described: Any = system.endpoint()
    variant = described["ProductionVariants"][0]["VariantName"]
    place = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": f"endpoint/{described['EndpointName']}/variant/{variant}",
    }

    def scale(count: int) -> None:
        scaling.register_scalable_target(**place, MinCapacity=count, MaxCapacity=count)
        until(lambda: instances(system) == count and system.endpoint()["EndpointStatus"] == "InService")

    [limits] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[place["ResourceId"]])[
        "ScalableTargets"
    ]
    with CallingClient(system.images.splits["test"].files, threads=3) as client:
        system.deploy(seed="300")
        scale(2)
        system.deploy(seed="301")
        scale(1)
        killed = time.monotonic()
        assert kills.kill(aws, "model server")
        time.sleep(max(0, begun + 360 - time.monotonic()))
    scaling.register_scalable_target(**place, MinCapacity=limits["MinCapacity"], MaxCapacity=limits["MaxCapacity"])

    print(f"{client.calls} calls in {time.monotonic() - begun:.0f} s, {len(client.failures)} lost: {client.failures}")
    assert client.calls > 360
    assert client.lost(kills=[killed], within=SECONDS) == []


@pytest.mark.parametrize("step", ["training", "endpoint"])
def test_a_local_aws_that_is_killed_leaves_nothing_and_the_next_one_is_deployed_to(
    system: System, aws: Home, step: str
) -> None:
    """The last: the state of a local AWS ends with it."""
    run = current(aws)
    assert run
    deploy = Deploy(system, seed=f"40{len(step)}")

    def kill(_: Deploy) -> int:
        if not psutil.pid_exists(run.supervisor):
            return 0
        os.kill(run.supervisor, signal.SIGKILL)
        return 1

    assert deploy.run(step, kill) == 1
    assert any("nothing answers at" in line for line in deploy.lines), deploy.lines[-10:]
    until_nothing_is_left_of(run)
    until(lambda: not deploy.left, told=lambda: deploy.left)

    fresh = up(aws, tied=True)
    assert fresh.run_id != run.run_id
    os.environ.update(read_env(aws.env_file))
    boto3.DEFAULT_SESSION = None
    bootstrap(*require_aws())
    deploy_everything(system.synthesize(), system.images, layout="files", say=lambda _: None)
    assert check(read_settings(system.settings), system.synthesize(), say=print)
