"""Shift of traffic from the old fleet to the new one in a deployment, and its roll-back."""

import json
from hashlib import sha256

from aws_cdk import Stack
from aws_cdk.aws_sagemaker import CfnEndpoint
from constructs import Construct

from settings import Settings

_DRAIN_SECONDS = 60  # maximum duration of a call: after it, the old fleet has answered all of its calls
_START_SECONDS = 1800  # for the new fleet to start


def deployment_config(settings: Settings, alarm_names: list[str]) -> CfnEndpoint.DeploymentConfigProperty:
    """The endpoint's DeploymentConfig: blue/green, with a baking period after each step."""
    size = CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=settings.endpoint_shift_percent)
    steps = {"all-at-once": 1, "canary": 2, "linear": _max_linear_steps(settings)}[settings.shift]
    waiting = steps * settings.endpoint_bake_seconds + _DRAIN_SECONDS
    return CfnEndpoint.DeploymentConfigProperty(
        blue_green_update_policy=CfnEndpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=CfnEndpoint.TrafficRoutingConfigProperty(
                type=settings.shift.replace("-", "_").upper(),
                wait_interval_in_seconds=settings.endpoint_bake_seconds,
                canary_size=size if settings.shift == "canary" else None,
                linear_step_size=size if settings.shift == "linear" else None,
            ),
            termination_wait_in_seconds=_DRAIN_SECONDS,
            maximum_execution_timeout_in_seconds=waiting + _START_SECONDS,
        ),
        auto_rollback_configuration=CfnEndpoint.AutoRollbackConfigProperty(
            alarms=[CfnEndpoint.AlarmProperty(alarm_name=name) for name in alarm_names]
        ),
    )


def _max_linear_steps(settings: Settings) -> int:
    """Number of steps of a linear shift that is enough for a fleet of any size.

    A step is whole instances and at least a tenth of the fleet. If they are rounded down, which AWS does not document,
    the largest fleet that moves one by one takes the most: three instances at 50 %.
    """
    return min(10, -(-200 // settings.endpoint_shift_percent) - 1)


def config_id(scope: Construct, settings: Settings, rollback_metrics: list[str]) -> str:
    """Logical id of the endpoint's configuration: another shift, or other tags of the endpoint, need a new one.

    AWS's documents leave open whether an endpoint can be updated to the configuration that it runs already.
    """
    shift = Stack.of(scope).resolve(deployment_config(settings, rollback_metrics))
    made_of = json.dumps([shift, settings.tags], sort_keys=True)
    return f"Config{sha256(made_of.encode()).hexdigest()[:8]}"
