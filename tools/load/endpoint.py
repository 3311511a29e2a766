"""The endpoint under test: its name, its state, and suspending its auto-scaling during a measurement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.endpoint import describe
from tools.preflight import NotReady

_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@dataclass(frozen=True)
class EndpointState:
    """Result of DescribeEndpoint: `instances` are in service, `desired` is the number the endpoint is moving to."""

    status: str
    variant: str
    config: str
    instances: int
    desired: int


class EndpointUnderTest:
    """A SageMaker endpoint with one production variant."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sagemaker = boto3.client("sagemaker")

    def state(self) -> EndpointState:
        """Describe the endpoint.

        Raises:
            NotReady: the endpoint does not exist.
            ClientError: SageMaker refused for another reason.
        """
        described = describe(self.name, self._sagemaker)
        if described is None:
            raise NotReady(f"no endpoint {self.name} here: aws sagemaker list-endpoints")
        [variant] = described.get("ProductionVariants") or [{}]
        return EndpointState(
            described["EndpointStatus"],
            variant.get("VariantName", ""),
            described.get("EndpointConfigName", ""),
            variant.get("CurrentInstanceCount", 0),
            variant.get("DesiredInstanceCount", 0),
        )

    def require_in_service(self) -> EndpointState:
        """Describe the endpoint if its status is InService.

        Raises:
            NotReady: the endpoint does not exist, or has another status.
        """
        state = self.state()
        if state.status != "InService":
            raise NotReady(
                f"endpoint {self.name} is {state.status}, not InService: "
                f"aws sagemaker wait endpoint-in-service --endpoint-name {self.name}"
            )
        return state

    def instance_type(self) -> str:
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=self.state().config)
        return str(config["ProductionVariants"][0]["InstanceType"])

    @contextmanager
    def scaling_suspended(self, words: str, say: Callable[[str], None]) -> Iterator[None]:
        """Suspend auto-scaling inside the `with` block, and restore its earlier state afterwards.

        Args:
            words: name the deployment to a make target, as `deployment` gives them.
        """
        scaling = boto3.client("application-autoscaling")
        place = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self.name}/variant/{self.state().variant}",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

        def suspend(state: dict[str, Any]) -> None:
            scaling.register_scalable_target(**place, SuspendedState=state)

        found = scaling.describe_scalable_targets(
            ServiceNamespace=place["ServiceNamespace"],
            ResourceIds=[place["ResourceId"]],
            ScalableDimension=place["ScalableDimension"],
        )["ScalableTargets"]
        if not found:
            yield
            return
        before = found[0].get("SuspendedState") or {}
        if any(before.values()):
            say(f"Auto-scaling is suspended already, and stays so afterwards: make live{words} says how to resume it.")
        try:
            suspend(dict.fromkeys(_SUSPENDED, True))
            say("Auto-scaling is suspended while the rate of one instance is measured.")
            yield
        finally:
            try:
                suspend({name: bool(before.get(name)) for name in _SUSPENDED})
            except (BotoCoreError, ClientError):
                say(f"Auto-scaling may still be suspended: make live{words} says how to resume it.")
                raise
