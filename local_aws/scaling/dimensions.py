"""Scalable dimensions: instances of an endpoint variant, and provisioned concurrency of a Lambda alias.

Sources: RegisterScalableTarget and PredefinedMetricSpecification, Application Auto Scaling API reference.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudwatch

from aws.target_tracking import HIGH_RESOLUTION, STANDARD
from local_aws import doubts
from local_aws.functions import concurrency
from local_aws.sagemaker.api import endpoints, update_capacities
from local_aws.service import invalid


@dataclass(frozen=True)
class Metric:
    """CloudWatch metric that a policy tracks; `period` is in seconds."""

    namespace: str
    name: str
    statistic: str
    period: float
    dimensions: dict[str, str]


class ScalableDimension(ABC):
    """Scalable quantity of one resource. `set` begins a change; `changing` is true until it has ended.

    Every method raises ApiError if the resource does not exist.
    """

    quantity: str  # its name in activities, such as "instance count"
    default_cooldown: float

    @abstractmethod
    def capacity(self) -> int: ...

    @abstractmethod
    def set(self, count: int) -> None: ...

    @abstractmethod
    def metric(self, predefined: str) -> Metric | None: ...

    @abstractmethod
    def observe(self) -> None:
        """Publish the current values of its metrics, unless another module does."""

    def changing(self) -> bool:
        return False

    def failure(self) -> str | None:
        """Reason why the last change failed; None if it did not."""
        return None


class EndpointVariant(ScalableDimension):
    """Dimension sagemaker:variant:DesiredInstanceCount of a resource `endpoint/<name>/variant/<name>`."""

    quantity = "desired instance count"
    default_cooldown = 300.0

    def __init__(self, resource_id: str) -> None:
        parts = resource_id.split("/")
        if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
            raise invalid(f"Unsupported resource id: {resource_id}")
        self._name, self._variant = parts[1], parts[3]
        if endpoints.get(self._name).variant_name != self._variant:
            raise invalid(f"No variant {self._variant!r} on endpoint {self._name!r}")

    def capacity(self) -> int:
        return int(endpoints.get(self._name).describe()["ProductionVariants"][0]["CurrentInstanceCount"])

    def changing(self) -> bool:
        return endpoints.get(self._name).status != "InService"

    def failure(self) -> str | None:
        reason = endpoints.get(self._name).describe().get("FailureReason")
        return None if reason is None else str(reason)

    def set(self, count: int) -> None:
        desired = {"VariantName": self._variant, "DesiredInstanceCount": count}
        update_capacities({"EndpointName": self._name, "DesiredWeightsAndCapacities": [desired]})

    def metric(self, predefined: str) -> Metric | None:
        dimensions = {"EndpointName": self._name, "VariantName": self._variant}
        match predefined:
            case "SageMakerVariantConcurrentRequestsPerModelHighResolution":
                statistic = "Maximum" if doubts.other("scaling-statistic") else "Average"
                return Metric("AWS/SageMaker", "ConcurrentRequestsPerModel", statistic, HIGH_RESOLUTION, dimensions)
            case "SageMakerVariantInvocationsPerInstance":
                return Metric("AWS/SageMaker", "InvocationsPerInstance", "Sum", STANDARD, dimensions)
        return None

    def observe(self) -> None:
        pass  # endpoint_metrics publishes them for all endpoints


class FunctionAlias(ScalableDimension):
    """Dimension lambda:function:ProvisionedConcurrency of a resource `function:<name>:<alias>`."""

    quantity = "provisioned concurrency"
    default_cooldown = 0.0

    def __init__(self, resource_id: str) -> None:
        parts = resource_id.split(":")
        if len(parts) != 3 or parts[0] != "function":
            raise invalid(f"Unsupported resource id: {resource_id}")
        self.function, self.alias = parts[1:]
        self.capacity()  # raises ApiError if the alias does not exist

    def capacity(self) -> int:
        return concurrency.get_provisioned(self.function, self.alias)

    def set(self, count: int) -> None:
        concurrency.set_provisioned(self.function, self.alias, count)

    def metric(self, predefined: str) -> Metric | None:
        if predefined != "LambdaProvisionedConcurrencyUtilization":
            return None
        dimensions = {"FunctionName": self.function, "Resource": f"{self.function}:{self.alias}"}
        return Metric("AWS/Lambda", "ProvisionedConcurrencyUtilization", "Average", STANDARD, dimensions)

    def observe(self) -> None:
        metric = self.metric("LambdaProvisionedConcurrencyUtilization")
        assert metric is not None
        share = concurrency.utilization(self.function, self.alias)
        cloudwatch.record_metric(metric.namespace, metric.name, share, "Count", metric.dimensions)


_KINDS: dict[tuple[str, str], Callable[[str], ScalableDimension]] = {
    ("sagemaker", "sagemaker:variant:DesiredInstanceCount"): EndpointVariant,
    ("lambda", "lambda:function:ProvisionedConcurrency"): FunctionAlias,
}


def find(request: dict[str, Any]) -> ScalableDimension:
    """Dimension that a request's ServiceNamespace, ScalableDimension and ResourceId name.

    Raises:
        ApiError: local AWS does not scale this dimension, or the resource does not exist.
    """
    kind = request["ServiceNamespace"], request["ScalableDimension"]
    if kind not in _KINDS:
        known = ", ".join(dimension for _, dimension in _KINDS)
        raise invalid(f"local AWS scales {known}, but not {kind[1]} of {kind[0]}")
    return _KINDS[kind](request["ResourceId"])
