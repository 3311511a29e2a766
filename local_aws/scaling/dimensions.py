"""What Application Auto Scaling can scale: instances of an endpoint's variant, provisioned concurrency of an alias.

Sources: RegisterScalableTarget and PredefinedMetricSpecification, Application Auto Scaling API reference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ministack.services import cloudwatch

from aws.target_tracking import HIGH_RESOLUTION, STANDARD
from local_aws.sagemaker.api import endpoints, update_capacities
from local_aws.service import ApiError


@dataclass(frozen=True)
class Metric:
    """A CloudWatch metric that a policy tracks; `period` is in seconds."""

    namespace: str
    name: str
    statistic: str
    period: float
    dimensions: dict[str, str]


class ScalableDimension(Protocol):
    """One number of one resource. `set` begins a change and returns at once; `changing` says until when it lasts.

    Each raises ApiError when the resource is not there.
    """

    quantity: str  # as activities call it: "instance count"
    default_cooldown: float

    def capacity(self) -> int: ...

    def changing(self) -> bool: ...

    def failure(self) -> str | None:
        """Why the last change failed, when it did."""

    def set(self, count: int) -> None: ...

    def metric(self, predefined: str) -> Metric | None: ...

    def observe(self) -> None:
        """Put down what its metrics are now, where nobody else does."""


class EndpointVariant:
    """`endpoint/<name>/variant/<name>`, sagemaker:variant:DesiredInstanceCount."""

    quantity = "desired instance count"
    default_cooldown = 300.0

    def __init__(self, resource_id: str) -> None:
        parts = resource_id.split("/")
        if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
            raise ApiError("ValidationException", f"Unsupported resource id: {resource_id}")
        self._name, self._variant = parts[1], parts[3]
        if endpoints.get(self._name).variant_name != self._variant:
            raise ApiError("ValidationException", f"No variant {self._variant!r} on endpoint {self._name!r}")

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
                return Metric("AWS/SageMaker", "ConcurrentRequestsPerModel", "Average", HIGH_RESOLUTION, dimensions)
            case "SageMakerVariantInvocationsPerInstance":
                return Metric("AWS/SageMaker", "InvocationsPerInstance", "Sum", STANDARD, dimensions)
        return None

    def observe(self) -> None:
        pass  # endpoint_metrics does, for endpoints that are not scaled too


class ProvisionedConcurrency(Protocol):
    """Who runs the functions: how many instances of an alias are kept, and which share of them is busy (0 to 1).

    Each raises ApiError when there is no such alias.
    """

    def get_provisioned(self, function: str, alias: str) -> int: ...

    def set_provisioned(self, function: str, alias: str, count: int) -> None: ...

    def utilization(self, function: str, alias: str) -> float: ...


class FunctionAlias:
    """`function:<name>:<alias>`, lambda:function:ProvisionedConcurrency."""

    quantity = "provisioned concurrency"
    default_cooldown = 0.0

    def __init__(self, resource_id: str, functions: ProvisionedConcurrency) -> None:
        parts = resource_id.split(":")
        if len(parts) != 3 or parts[0] != "function":
            raise ApiError("ValidationException", f"Unsupported resource id: {resource_id}")
        self.function, self.alias = parts[1:]
        self._functions = functions
        self.capacity()  # raises ApiError when there is none

    def capacity(self) -> int:
        return self._functions.get_provisioned(self.function, self.alias)

    def changing(self) -> bool:
        return False

    def failure(self) -> str | None:
        return None

    def set(self, count: int) -> None:
        self._functions.set_provisioned(self.function, self.alias, count)

    def metric(self, predefined: str) -> Metric | None:
        if predefined != "LambdaProvisionedConcurrencyUtilization":
            return None
        dimensions = {"FunctionName": self.function, "Resource": f"{self.function}:{self.alias}"}
        return Metric("AWS/Lambda", "ProvisionedConcurrencyUtilization", "Average", STANDARD, dimensions)

    def observe(self) -> None:
        metric = self.metric("LambdaProvisionedConcurrencyUtilization")
        assert metric is not None
        share = self._functions.utilization(self.function, self.alias)
        cloudwatch.record_metric(metric.namespace, metric.name, share, "Count", metric.dimensions)


_KINDS: dict[tuple[str, str], Callable[[str], ScalableDimension]] = {
    ("sagemaker", "sagemaker:variant:DesiredInstanceCount"): EndpointVariant,
}


def add_functions(functions: ProvisionedConcurrency) -> None:
    """Scale the provisioned concurrency of functions' aliases too."""
    _KINDS["lambda", "lambda:function:ProvisionedConcurrency"] = lambda id_: FunctionAlias(id_, functions)


def find(request: dict[str, Any]) -> ScalableDimension:
    """What a request's ServiceNamespace, ScalableDimension and ResourceId name. Raises ApiError."""
    kind = request["ServiceNamespace"], request["ScalableDimension"]
    if kind not in _KINDS:
        known = ", ".join(dimension for _, dimension in _KINDS)
        raise ApiError("ValidationException", f"local AWS scales {known}; not {kind[0]}'s {kind[1]}")
    return _KINDS[kind](request["ResourceId"])
