"""Fleets: the instances that serve one endpoint configuration."""

import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.concurrency import spawn_background

from aws.log_groups import endpoint_log_group
from local_aws.iam.principal import RoleSession
from local_aws.sagemaker.caller import execution_role, volume_grant
from local_aws.sagemaker.data_capture import DataCapture
from local_aws.sagemaker.endpoint_instance import EndpointInstance

Fleet = list[EndpointInstance]
_LAST_LINES_SECONDS = 3.0


def variant_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Production variant of an endpoint configuration; local AWS allows one."""
    variant: dict[str, Any] = config["ProductionVariants"][0]
    return variant


def hosting_role(config: Mapping[str, Any], models: Mapping[str, Any], endpoint_arn: str) -> RoleSession:
    """Session of the model's execution role, assumed by SageMaker for the endpoint.

    Raises:
        ApiError: the role does not exist or does not trust SageMaker for this endpoint.
    """
    model = models[variant_of(config)["ModelName"]]
    return execution_role(model["ExecutionRoleArn"], endpoint_arn, model.get("VpcConfig"))


def start_fleet(
    endpoint: str, config: Mapping[str, Any], models: Mapping[str, Any], role: RoleSession, count: int
) -> Fleet:
    """Start `count` instances in parallel; all are ready when this returns.

    Raises:
        InstanceFailed: an instance did not start; all of them have been ended.
        ApiError: the role lacks a permission that SageMaker requires.
    """
    if count <= 0:
        return []
    variant = variant_of(config)
    if "KmsKeyId" in config:
        role.require(*volume_grant(config["KmsKeyId"]))
    capture = DataCapture.of(endpoint, config, role)
    model = models[variant["ModelName"]]
    fresh = [
        EndpointInstance(
            f"i-{secrets.token_hex(8)}", variant["InstanceType"], model, role, config["EndpointConfigName"], capture
        )
        for _ in range(count)
    ]
    group = endpoint_log_group(endpoint)
    with ThreadPoolExecutor(count) as pool:
        starts = [pool.submit(each.start, group, f"{variant['VariantName']}/{each.identity}") for each in fresh]
    failures = [failure for start in starts if (failure := start.exception())]
    if failures:
        for instance in fresh:
            instance.end()
        raise failures[0]
    return fresh


def retire(fleet: Fleet) -> None:
    """Drain and end the instances in the background."""
    for instance in fleet:
        spawn_background(instance.drain, thread_name=f"drain-{instance.identity}")


def log_last_lines(endpoint: str, fleet: Fleet) -> None:
    """Log a last line of each instance in the background, when the endpoint's stack has gone."""

    def log() -> None:
        time.sleep(_LAST_LINES_SECONDS)
        for instance in fleet:
            instance.log("ended", group=endpoint_log_group(endpoint))

    spawn_background(log, thread_name=f"last-lines-{endpoint}")
