"""An endpoint: fleets of instances, changed blue/green, so that a call is never without an answer."""

import itertools
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.concurrency import spawn_background

from local_aws.principal import RoleSession
from local_aws.sagemaker.caller import volume_grant
from local_aws.sagemaker.endpoint_instance import EndpointInstance, InstanceFailed
from local_aws.service import ApiError, now

_BUSY = ("Creating", "Updating", "Deleting", "SystemUpdating")


class Endpoint:
    """One endpoint with one production variant.

    An update starts the new fleet beside the old one, switches when every new instance answers,
    drains the old fleet, and keeps the old one when the new does not come up.
    """

    def __init__(self, name: str, arn: str, config: dict[str, Any], models: dict[str, Any]) -> None:
        self.name, self.arn = name, arn
        self._config = config
        self._fleet: list[EndpointInstance] = []
        self._turn = itertools.count()
        self._settled = threading.Event()
        self._state: dict[str, Any] = {"EndpointStatus": "Creating", "CreationTime": now()}
        self._begin("Creating", config, models, int(_variant(config)["InitialInstanceCount"]))

    @property
    def variant_name(self) -> str:
        return _variant(self._config)["VariantName"]

    @property
    def instances(self) -> list[EndpointInstance]:
        """Those that answer calls now."""
        return list(self._fleet)

    @property
    def status(self) -> str:
        return self._state["EndpointStatus"]

    def describe(self) -> dict[str, Any]:
        """The DescribeEndpoint answer."""
        variant = {
            "VariantName": self.variant_name,
            "CurrentInstanceCount": len(self._fleet),
            "DesiredInstanceCount": self._state.get("Desired", len(self._fleet)),
            "CurrentWeight": 1.0,
        }
        answer = {k: v for k, v in self._state.items() if k != "Desired"}
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self._config["EndpointConfigName"],
            "ProductionVariants": [variant],
            "LastModifiedTime": self._state["CreationTime"],
            **answer,
        }

    def update(self, config: dict[str, Any], models: dict[str, Any], keep_instance_count: bool) -> None:
        """UpdateEndpoint; `keep_instance_count` is RetainAllVariantProperties."""
        self._require_idle("update")
        count = len(self._fleet) if keep_instance_count else int(_variant(config)["InitialInstanceCount"])
        self._begin("Updating", config, models, count)

    def resize(self, count: int, models: dict[str, Any]) -> None:
        """UpdateEndpointWeightsAndCapacities, for the one variant."""
        self._require_idle("update")
        self._begin("Updating", self._config, models, count, keep=True)

    def wait(self, timeout: float = 600) -> None:
        """Until it is not changing any more.

        Raises:
            RuntimeError: the change failed; the message is the endpoint's FailureReason.
        """
        self._settled.wait(timeout)
        if reason := self._state.get("FailureReason"):
            raise RuntimeError(reason)

    def next_instance(self) -> EndpointInstance:
        """The instance that answers the next call, in turn."""
        fleet = self._fleet
        if not fleet:
            raise ApiError("ValidationError", f"Endpoint {self.name} of account is not in service ({self.status}).")
        return fleet[next(self._turn) % len(fleet)]

    def delete(self) -> None:
        self._state["EndpointStatus"] = "Deleting"
        fleet, self._fleet = self._fleet, []
        for instance in fleet:
            spawn_background(instance.drain, thread_name=f"delete-{self.name}")

    def _require_idle(self, verb: str) -> None:
        if self.status in _BUSY:
            raise ApiError("ValidationException", f"Cannot {verb} endpoint {self.name!r} while it is {self.status}.")

    def _begin(
        self, status: str, config: dict[str, Any], models: dict[str, Any], count: int, keep: bool = False
    ) -> None:
        self._state.update(EndpointStatus=status, Desired=count)
        self._state.pop("FailureReason", None)
        self._settled.clear()
        spawn_background(self._change, config, models, count, keep, thread_name=f"endpoint-{self.name}")

    def _change(self, config: dict[str, Any], models: dict[str, Any], count: int, keep: bool) -> None:
        """Bring up what `config` wants, then switch."""
        kept = self._fleet[:count] if keep else []
        try:
            started = self._start_instances(config, models, count - len(kept))
        except (InstanceFailed, ApiError) as failure:
            self._state["FailureReason"] = str(failure)
            self._state["EndpointStatus"] = "InService" if self._fleet else "Failed"
        except Exception as error:  # a fault of ours must not leave the endpoint changing for ever
            self._state["FailureReason"] = f"InternalFailure: {type(error).__name__}: {error}"
            self._state["EndpointStatus"] = "InService" if self._fleet else "Failed"
        else:
            old = [instance for instance in self._fleet if instance not in kept]
            self._fleet, self._config = kept + started, config
            for instance in old:  # it answers what it has, while the endpoint is in service with the new ones
                spawn_background(instance.drain, thread_name=f"drain-{self.name}")
            self._state["EndpointStatus"] = "InService"
        finally:
            self._state["LastModifiedTime"] = now()
            self._settled.set()

    def _start_instances(self, config: dict[str, Any], models: dict[str, Any], count: int) -> list[EndpointInstance]:
        if count <= 0:
            return []
        variant = _variant(config)
        model = models[variant["ModelName"]]
        session = RoleSession(
            model["ExecutionRoleArn"],
            service="sagemaker.amazonaws.com",
            source_arn=self.arn,
            session_name="SageMaker",
        )
        if "KmsKeyId" in config:
            session.require(*volume_grant(config["KmsKeyId"]))
        fresh = [EndpointInstance(f"i-{secrets.token_hex(8)}", model, session) for _ in range(count)]
        group = f"/aws/sagemaker/Endpoints/{self.name}"
        with ThreadPoolExecutor(count) as pool:
            starts = [
                pool.submit(instance.start, group, f"{variant['VariantName']}/{instance.identity}")
                for instance in fresh
            ]
        failures = [start.exception() for start in starts if start.exception()]
        if failures:
            for instance in fresh:
                instance.end()
            raise failures[0]  # type: ignore[misc]
        return fresh


def _variant(config: dict[str, Any]) -> dict[str, Any]:
    return config["ProductionVariants"][0]
