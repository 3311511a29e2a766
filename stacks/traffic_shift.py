"""How calls move from the old model's instances to the new one's, and what brings them back."""

from aws_cdk.aws_sagemaker import CfnEndpoint

from settings import Settings

_DRAIN_SECONDS = 60  # no call lasts longer: the old fleet ends when it has answered what it had
_START_SECONDS = 1800  # for the new fleet to come up


def deployment_config(settings: Settings, alarm_names: list[str]) -> CfnEndpoint.DeploymentConfigProperty:
    """The endpoint's DeploymentConfig: blue/green, with a bake after each step."""
    size = CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=settings.endpoint_shift_percent)
    steps = {"all-at-once": 1, "canary": 2, "linear": -(-100 // settings.endpoint_shift_percent)}[settings.shift]
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
