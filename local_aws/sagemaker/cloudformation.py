"""CloudFormation types of SageMaker, each by the API's Create… and Delete… operations. `Ref` is the ARN, as on AWS."""

import contextlib
from collections.abc import Callable
from typing import Any

from local_aws import doubts
from local_aws.resource_type import Identity, ResourceType
from local_aws.sagemaker import api
from local_aws.sagemaker.notebook_instances import instances
from local_aws.service import ApiError, invalid

_KEPT = ("KmsKeyId", "SubnetId", "SecurityGroupIds", "DirectInternetAccess", "PlatformIdentifier")


class EndpointType(ResourceType):
    """AWS::SageMaker::Endpoint."""

    def _create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> Identity:
        retains = str(properties.get("RetainAllVariantProperties")).lower() == "true"
        if retains and doubts.other("retain-at-creation-refused"):
            raise invalid("RetainAllVariantProperties can be true only when the endpoint is updated.")
        return super()._create(logical_id, properties, stack_name)


def _type(
    kind: str,
    *,
    made: type[ResourceType] = ResourceType,
    replacing: tuple[str, ...],
    created: Callable[[str], None] = lambda name: None,
    update: Callable[[str, dict[str, Any]], None] | None = None,
    before_delete: Callable[[str], None] = lambda name: None,
    update_only: tuple[str, ...] = (),
) -> ResourceType:
    """Type AWS::SageMaker::<kind>; the three functions take the resource's name, `created` after it was created."""
    name_property = f"{kind}Name"

    def create(request: dict[str, Any]) -> Identity:
        answer = api.OPERATIONS[f"Create{kind}"](request) or {}
        created(request[name_property])
        return answer[f"{kind}Arn"], {name_property: request[name_property]}

    def change(arn: str, request: dict[str, Any]) -> Identity:
        assert update
        update(_name(arn), {**request, name_property: _name(arn)})
        return arn, {name_property: _name(arn)}

    def delete(arn: str, properties: dict[str, Any]) -> None:
        try:
            before_delete(_name(arn))
            api.OPERATIONS[f"Delete{kind}"]({name_property: _name(arn)})
        except ApiError as error:
            if "Could not find" not in str(error):  # a missing resource counts as deleted, as in CloudFormation
                raise

    return made(
        service="sagemaker",
        operation=f"Create{kind}",
        create=create,
        update=change if update else None,
        delete=delete,
        generated_name=name_property,
        replacing=(name_property, *replacing),
        update_only=update_only,
    )


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _require_endpoint(name: str) -> None:
    """Wait until the new endpoint is in service; delete it if it fails."""
    try:
        api.endpoints.get(name).wait()
    except RuntimeError:
        _await_endpoint(name)
        api.delete_endpoint({"EndpointName": name})
        raise


def _update_endpoint(name: str, request: dict[str, Any]) -> None:
    api.update_endpoint(request)
    endpoint = api.endpoints.get(name)
    try:
        endpoint.wait()
    except RuntimeError:
        if not (doubts.other("rollback-succeeds") and endpoint.status == "InService"):
            raise


def _await_endpoint(name: str) -> None:
    """Wait until the endpoint has stopped changing; SageMaker refuses to delete it before."""
    with contextlib.suppress(ApiError, RuntimeError):  # it does not exist, or its last change failed
        api.endpoints.get(name).wait()


def _update_lifecycle_config(name: str, request: dict[str, Any]) -> None:
    scripts = {hook: request.get(hook, []) for hook in ("OnCreate", "OnStart")}
    api.OPERATIONS["UpdateNotebookInstanceLifecycleConfig"]({"NotebookInstanceLifecycleConfigName": name, **scripts})


def _update_notebook(name: str, request: dict[str, Any]) -> None:
    """Stop a running instance, change it, and start it again, as CloudFormation does."""
    _stop_notebook(name)
    changes = {key: value for key, value in request.items() if key not in (*_KEPT, "Tags")}
    api.OPERATIONS["UpdateNotebookInstance"](changes)
    api.OPERATIONS["StartNotebookInstance"]({"NotebookInstanceName": name})


def _stop_notebook(name: str) -> None:
    if instances.get(name)["NotebookInstanceStatus"] == "InService":
        api.OPERATIONS["StopNotebookInstance"]({"NotebookInstanceName": name})


TYPES = {
    "AWS::SageMaker::Model": _type(
        "Model",
        replacing=("ExecutionRoleArn", "PrimaryContainer", "Containers", "EnableNetworkIsolation", "VpcConfig"),
    ),
    "AWS::SageMaker::EndpointConfig": _type(
        "EndpointConfig",
        replacing=("ProductionVariants", "KmsKeyId", "DataCaptureConfig", "AsyncInferenceConfig", "MetricsConfig"),
    ),
    "AWS::SageMaker::Endpoint": _type(
        "Endpoint",
        made=EndpointType,
        replacing=(),
        created=_require_endpoint,
        update=_update_endpoint,
        before_delete=_await_endpoint,
        update_only=("RetainAllVariantProperties", "RetainDeploymentConfig"),
    ),
    "AWS::SageMaker::NotebookInstanceLifecycleConfig": _type(
        "NotebookInstanceLifecycleConfig", replacing=(), update=_update_lifecycle_config
    ),
    "AWS::SageMaker::NotebookInstance": _type(
        "NotebookInstance", replacing=_KEPT, update=_update_notebook, before_delete=_stop_notebook
    ),
}
