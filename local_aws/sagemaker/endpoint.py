"""SageMaker endpoints whose fleets of instances are updated blue/green, without downtime."""

import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import spawn_background

from local_aws import doubts
from local_aws.sagemaker.data_capture import summary
from local_aws.sagemaker.deployment import DeploymentPlan
from local_aws.sagemaker.endpoint_instance import EndpointInstance, InstanceFailed
from local_aws.sagemaker.fleet import Fleet, hosting_role, log_last_lines, retire, start_fleet, variant_of
from local_aws.sagemaker.rollback_alarms import in_alarm, require_alarms
from local_aws.sagemaker.shift import RolledBack, Shift
from local_aws.sagemaker.traffic import Traffic
from local_aws.service import ApiError, invalid, now

_BUSY = ("Creating", "Updating", "Deleting", "SystemUpdating")
_Models = dict[str, Any]


class LocalEndpoint:
    """An endpoint with one production variant.

    An update starts a new fleet beside the old one, shifts calls to it by its DeploymentConfig once every new instance
    is ready, and then drains the old fleet. If the new fleet does not start, or an alarm of the deployment goes off,
    all calls go to the old fleet.
    """

    def __init__(
        self,
        name: str,
        arn: str,
        config: dict[str, Any],
        deployment_config: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.arn = name, arn
        self.deployment_config = deployment_config  # kept for updates with RetainDeploymentConfig
        self._config = config
        self._fleet: Fleet = []
        self._starting = ("", 0)  # type and number of the instances that a change adds
        self._traffic: Traffic[EndpointInstance] = Traffic()
        self._settled = threading.Event()
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {"EndpointStatus": "InService", "CreationTime": now()}

    @property
    def variant_name(self) -> str:
        return str(variant_of(self._config)["VariantName"])

    @property
    def size(self) -> int:
        """Number of instances, without those that a change adds."""
        return len(self._fleet)

    def in_use(self, instance_type: str) -> int:
        """Number of instances of a type, those that a change adds and both fleets of an update among them."""
        fleets = (variant_of(self._config)["InstanceType"], self.size), self._starting
        return sum(count for kind, count in fleets if kind == instance_type)

    @property
    def instances(self) -> list[EndpointInstance]:
        """Instances that receive calls now."""
        return list(self._traffic.taking)

    @property
    def status(self) -> str:
        return str(self._state["EndpointStatus"])

    def describe(self) -> dict[str, Any]:
        """Response of DescribeEndpoint."""
        variant = {
            "VariantName": self.variant_name,
            "CurrentInstanceCount": len(self._fleet),
            "DesiredInstanceCount": self._state.get("Desired", len(self._fleet)),
            "CurrentWeight": 1.0,
        }
        optional = {"LastDeploymentConfig": self.deployment_config, "DataCaptureConfig": summary(self._config)}
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self._config["EndpointConfigName"],
            "ProductionVariants": [variant],
            "LastModifiedTime": self._state["CreationTime"],
            **{key: value for key, value in optional.items() if value},
            **{key: value for key, value in dict(self._state).items() if key != "Desired"},
        }

    def create(self, models: _Models) -> None:
        """CreateEndpoint. Its DeploymentConfig only applies to updates, since there is no old fleet to shift from."""
        deployment = DeploymentPlan.plan(None, int(variant_of(self._config)["InitialInstanceCount"]))
        count = deployment.steps[-1].green
        self._begin("Creating", count, self._config, count, lambda: self._deploy(self._config, models, deployment))

    def update(
        self,
        config: dict[str, Any],
        models: _Models,
        *,
        keep_instance_count: bool,
        deployment_config: dict[str, Any] | None = None,
    ) -> None:
        """UpdateEndpoint; `keep_instance_count` is RetainAllVariantProperties.

        Raises:
            ApiError: the endpoint is changing already, or the deployment is not possible with its number of instances.
        """
        self._require_idle()
        count = len(self._fleet) if keep_instance_count else int(variant_of(config)["InitialInstanceCount"])
        deployment = DeploymentPlan.plan(deployment_config, count)
        require_alarms(deployment.alarms)
        self._begin("Updating", count, config, count, lambda: self._deploy(config, models, deployment))
        self.deployment_config = deployment_config

    def resize(self, count: int, models: _Models) -> None:
        """UpdateEndpointWeightsAndCapacities of the variant."""
        added = max(count - self.size, 0)
        self._begin("Updating", count, self._config, added, lambda: self._resize(count, models))

    def wait(self, timeout: float = 1800) -> None:
        """Wait up to `timeout` seconds until the endpoint has stopped changing.

        Raises:
            RuntimeError: the change failed, with the endpoint's FailureReason; or it takes too long.
        """
        if not self._settled.wait(timeout):
            raise RuntimeError(f"Endpoint {self.name} is still {self.status} after {timeout:.0f} seconds.")
        if reason := self._state.get("FailureReason"):
            raise RuntimeError(reason)

    def next_instance(self) -> EndpointInstance:
        """Instance for the next call, round robin.

        Raises:
            ApiError: no instance is in service.
        """
        instance = self._traffic.next(lambda each: each.running)
        if instance is None:
            raise ApiError("ValidationError", f"Endpoint {self.name} of account is not in service ({self.status}).")
        return instance

    def replace_dead(self) -> None:
        """Start the containers that have ended by themselves again."""
        for instance in {*self._fleet, *self._traffic.taking}:
            instance.restart_if_dead()

    def delete(self) -> None:
        """DeleteEndpoint.

        Raises:
            ApiError: the endpoint is changing; its new instances would be left over.
        """
        with self._lock:
            if self.status in _BUSY:
                raise invalid(f"Cannot delete endpoint {self.name!r} while it is {self.status}.")
            self._state["EndpointStatus"] = "Deleting"
        self._traffic.set([])
        fleet, self._fleet = self._fleet, []
        retire(fleet)
        if doubts.other("log-group-again"):
            log_last_lines(self.name, fleet)

    def _require_idle(self) -> None:
        """Refuse a change while the endpoint is changing, in SageMaker's words, which tools/deploy looks for."""
        if self.status in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{self.arn}".')

    def _begin(self, status: str, desired: int, config: dict[str, Any], added: int, change: Callable[[], None]) -> None:
        with self._lock:
            self._require_idle()
            self._starting = variant_of(config)["InstanceType"], added
            self._state.update(EndpointStatus=status, Desired=desired)
            self._state.pop("FailureReason", None)
            self._settled.clear()
        spawn_background(self._perform, change, thread_name=f"endpoint-{self.name}")

    def _perform(self, change: Callable[[], None]) -> None:
        try:
            change()
        except (InstanceFailed, RolledBack, ApiError) as failure:
            self._state["FailureReason"] = str(failure)
        except Exception as error:  # a bug of ours must not leave the endpoint changing for ever
            self._state["FailureReason"] = f"InternalFailure: {type(error).__name__}: {error}"
        finally:
            self._state.pop("PendingDeploymentSummary", None)
            self._state.pop("Desired", None)
            self._starting = ("", 0)
            self._state["LastModifiedTime"] = now()
            self._state["EndpointStatus"] = "InService" if self._fleet else "Failed"
            self._settled.set()

    def _deploy(self, config: dict[str, Any], models: _Models, deployment: DeploymentPlan) -> None:
        """Start a new fleet and shift calls to it; the fleet that is not kept ends."""
        started, role = time.monotonic(), hosting_role(config, models, self.arn)
        count, blue = deployment.steps[-1].green, self._fleet
        self._announce(config, count, 0, "Creating", f"{count} instances")
        green = start_fleet(self.name, config, models, role, count)
        shift = Shift(
            deployment,
            self._traffic,
            blue=blue,
            green=green,
            in_alarm=lambda: in_alarm(role, deployment.alarms),
            on_status=lambda status, message: self._announce(config, count, len(green), status, message),
            started=started,
        )
        try:
            shift.run()
        except BaseException:
            retire(green)
            raise
        self._fleet, self._config = green, config
        retire(blue)

    def _announce(self, config: dict[str, Any], desired: int, current: int, status: str, message: str) -> None:
        """Update the PendingDeploymentSummary that DescribeEndpoint returns."""
        variant = variant_of(config)
        before = self._state.get("PendingDeploymentSummary")
        self._state["PendingDeploymentSummary"] = {
            "EndpointConfigName": config["EndpointConfigName"],
            "StartTime": before["StartTime"] if before else now(),
            "ProductionVariants": [
                {
                    "VariantName": variant["VariantName"],
                    "InstanceType": variant["InstanceType"],
                    "CurrentInstanceCount": current,
                    "DesiredInstanceCount": desired,
                    "VariantStatus": [{"Status": status, "StatusMessage": message, "StartTime": now()}],
                }
            ],
        }

    def _resize(self, count: int, models: _Models) -> None:
        """Change the fleet to `count` instances: keep the first ones, start or end the others."""
        role = hosting_role(self._config, models, self.arn)
        kept, ending = self._fleet[:count], self._fleet[count:]
        self._fleet = kept + start_fleet(self.name, self._config, models, role, count - len(kept))
        self._traffic.set(self._fleet)
        retire(ending)
