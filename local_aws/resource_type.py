"""CloudFormation resource types, implemented by the API operations that create, update and delete the resource."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_aws.service import check_input, coerce, service_model

Identity = tuple[str, dict[str, Any]]  # physical id, attributes


@dataclass(frozen=True)
class ResourceType:
    """One resource type. `create`, `update` and `delete` take requests in the shape of the API `operation`.

    The type's properties must have the names of the operation's parameters, as those of SageMaker and Application Auto
    Scaling do; `translate` handles exceptions. A property that the API does not have fails the resource.
    """

    service: str
    operation: str
    create: Callable[[dict[str, Any]], Identity]
    delete: Callable[[str, dict[str, Any]], None]
    update: Callable[[str, dict[str, Any]], Identity] | None = None
    generated_name: str = ""  # property that gets a new name at each creation unless the template sets it
    replacing: tuple[str, ...] = ()
    update_only: tuple[str, ...] = ()  # properties that only an update uses
    translate: Callable[[dict[str, Any]], dict[str, Any]] = dict  # properties -> parameters of the operation

    def handlers(self) -> dict[str, Any]:
        """Handlers in the form that MiniStack expects."""
        handlers: dict[str, Any] = {"create": self._create, "delete": self.delete}
        if self.update:
            handlers["update"] = self._update
        return handlers

    def _create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> Identity:
        request = self._request({k: v for k, v in properties.items() if k not in self.update_only})
        if self.generated_name:  # in lower case, as it stands in ARNs
            request.setdefault(self.generated_name, f"{logical_id[:40]}-{secrets.token_hex(6)}".lower())
        check_input(self.service, self.operation, request)
        return self.create(request)

    def _update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Identity:
        assert self.update is not None
        flags = {name: str(new[name]).lower() == "true" for name in self.update_only if name in new}
        known = self._request({k: v for k, v in new.items() if k not in self.update_only})
        check_input(self.service, self.operation, known, partial=True)
        return self.update(physical_id, {**known, **flags})

    def _request(self, properties: dict[str, Any]) -> dict[str, Any]:
        shape = service_model(self.service).operation_model(self.operation).input_shape
        return coerce(self.translate(properties), shape, self.operation.removeprefix("Create"))
