"""CloudFormation types AWS::SageMaker::NotebookInstance and …LifecycleConfig. `Ref` is the ARN, as on AWS."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from local_aws.resource_type import Identity, ResourceType
from local_aws.sagemaker import notebook_instances as api
from local_aws.service import ApiError

_CONFIG, _INSTANCE = "NotebookInstanceLifecycleConfigName", "NotebookInstanceName"
_KEPT = ("KmsKeyId", "SubnetId", "SecurityGroupIds", "DirectInternetAccess", "PlatformIdentifier")


def _generated(stack_name: str, logical_id: str) -> str:
    """Generate a name in lower case, as it stands in ARNs."""
    return f"{logical_id[:40]}-{secrets.token_hex(6)}".lower()


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _create_config(request: dict[str, Any]) -> Identity:
    arn = api.create_lifecycle_config(request)["NotebookInstanceLifecycleConfigArn"]
    return arn, {_CONFIG: request[_CONFIG]}


def _update_config(arn: str, request: dict[str, Any]) -> Identity:
    scripts = {hook: request.get(hook, []) for hook in ("OnCreate", "OnStart")}
    api.update_lifecycle_config({_CONFIG: _name(arn), **scripts})
    return arn, {_CONFIG: _name(arn)}


def _delete_config(arn: str, properties: dict[str, Any]) -> None:
    with _gone_is_deleted():
        api.delete_lifecycle_config({_CONFIG: _name(arn)})


def _create_instance(request: dict[str, Any]) -> Identity:
    return api.create(request)["NotebookInstanceArn"], {_INSTANCE: request[_INSTANCE]}


def _update_instance(arn: str, request: dict[str, Any]) -> Identity:
    """Stop a running instance, change it, and start it again, as CloudFormation does."""
    name = _name(arn)
    _stop(name)
    changes = {key: value for key, value in request.items() if key not in (*_KEPT, _INSTANCE, "Tags")}
    api.update({_INSTANCE: name, **changes})
    api.start({_INSTANCE: name})
    return arn, {_INSTANCE: name}


def _delete_instance(arn: str, properties: dict[str, Any]) -> None:
    with _gone_is_deleted():
        _stop(_name(arn))
        api.delete({_INSTANCE: _name(arn)})


def _stop(name: str) -> None:
    if api.instances.get(name)["NotebookInstanceStatus"] == "InService":
        api.stop({_INSTANCE: name})


@contextlib.contextmanager
def _gone_is_deleted() -> Iterator[None]:
    """Suppress the error for a missing resource, which CloudFormation counts as deleted."""
    try:
        yield
    except ApiError as error:
        if "Could not find" not in str(error):
            raise


TYPES = {
    "AWS::SageMaker::NotebookInstanceLifecycleConfig": ResourceType(
        service="sagemaker",
        operation="CreateNotebookInstanceLifecycleConfig",
        name_property=_CONFIG,
        create=_create_config,
        update=_update_config,
        delete=_delete_config,
        generate_name=_generated,
        replacing=(_CONFIG,),
    ),
    "AWS::SageMaker::NotebookInstance": ResourceType(
        service="sagemaker",
        operation="CreateNotebookInstance",
        name_property=_INSTANCE,
        create=_create_instance,
        update=_update_instance,
        delete=_delete_instance,
        generate_name=_generated,
        replacing=(_INSTANCE, *_KEPT),
    ),
}
