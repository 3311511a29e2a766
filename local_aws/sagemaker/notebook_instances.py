"""Control plane of notebook instances and lifecycle configurations; it provides the role's credentials.

No machine is started: an instance is InService at once, and its scripts are stored but not run. The credentials of its
role, as its metadata service would provide them, are in `scratch/notebook-instances/<name>.env`. A notebook can thus be
executed here with exactly the permissions that it has on AWS.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Any

from local_aws import doubts
from local_aws.home import write_env
from local_aws.sagemaker import caller
from local_aws.sagemaker.registry import Registry, arn_of
from local_aws.service import Operation, invalid, now

instances: Registry[dict[str, Any]] = Registry("notebook-instance")
lifecycle_configs: Registry[dict[str, Any]] = Registry("notebook-instance-lifecycle-config")

_CONFIG, _NAME = "NotebookInstanceLifecycleConfigName", "NotebookInstanceName"
# Parameters of requests that have another name in the Describe response.
_DESCRIBED_AS = {"LifecycleConfigName": _CONFIG, "SecurityGroupIds": "SecurityGroups"}


def env_file(name: str) -> Path:
    """File with the credentials of a running instance."""
    return Path(os.environ["TMPDIR"]) / "notebook-instances" / f"{name}.env"


# ---------------------------------------------------------------------- lifecycle configurations


def create_lifecycle_config(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateNotebookInstanceLifecycleConfig", request)
    _check_scripts(request)
    name = request[_CONFIG]
    arn = lifecycle_configs.arn(name)
    lifecycle_configs.add(name, _untagged(request) | {"NotebookInstanceLifecycleConfigArn": arn, "CreationTime": now()})
    return {"NotebookInstanceLifecycleConfigArn": arn}


def update_lifecycle_config(request: dict[str, Any]) -> None:
    _check_scripts(request)
    lifecycle_configs.get(request[_CONFIG]).update({**request, "LastModifiedTime": now()})


def delete_lifecycle_config(request: dict[str, Any]) -> None:
    lifecycle_configs.remove(request[_CONFIG])


def _check_scripts(request: dict[str, Any]) -> None:
    for hook in ("OnCreate", "OnStart"):
        for script in request.get(hook, []):
            try:
                base64.b64decode(script["Content"], validate=True)
            except binascii.Error as error:
                raise invalid(f"{hook}: the script is not base64: {error}") from error


# ---------------------------------------------------------------------- instances


def create(request: dict[str, Any]) -> dict[str, Any]:
    caller.require_besides("CreateNotebookInstance", request)
    caller.require_volume_grant(request.get("KmsKeyId"))
    if request.get("DirectInternetAccess") == "Disabled" and "SubnetId" not in request:
        raise invalid("DirectInternetAccess can be Disabled only for an instance with a SubnetId.")
    if config := request.get("LifecycleConfigName"):
        lifecycle_configs.get(config)
    name = request[_NAME]
    arn = instances.arn(name)
    defaults = {"RootAccess": "Enabled", "DirectInternetAccess": "Enabled", "VolumeSizeInGB": 5}
    described = {_DESCRIBED_AS.get(key, key): value for key, value in _untagged(request).items()}
    instance = {**defaults, **described, "NotebookInstanceArn": arn, "CreationTime": now()}
    credentials = _credentials(instance)  # refuses a role that does not trust SageMaker for this instance
    instances.add(name, instance)
    _in_service(instance, credentials)
    return {"NotebookInstanceArn": arn}


def update(request: dict[str, Any]) -> None:
    instance = _in_status(request[_NAME], "Stopped", "update")
    caller.require_besides("CreateNotebookInstance", {"RoleArn": request.get("RoleArn")})  # a new role is passed again
    if config := request.get("LifecycleConfigName"):
        lifecycle_configs.get(config)
    instance.update({_DESCRIBED_AS.get(key, key): value for key, value in request.items()})
    instance["LastModifiedTime"] = now()


def start(request: dict[str, Any]) -> None:
    instance = _in_status(request[_NAME], "Stopped", "start")
    _in_service(instance, _credentials(instance))


def stop(request: dict[str, Any]) -> None:
    instance = _in_status(request[_NAME], "InService", "stop")
    env_file(request[_NAME]).unlink(missing_ok=True)
    instance.update(NotebookInstanceStatus="Stopped", LastModifiedTime=now())


def delete(request: dict[str, Any]) -> None:
    _in_status(request[_NAME], "Stopped", "delete")
    instances.remove(request[_NAME])


def _in_status(name: str, status: str, verb: str) -> dict[str, Any]:
    """Instance with the given status.

    Raises:
        ApiError: it has another status; the message is SageMaker's.
    """
    instance = instances.get(name)
    if instance["NotebookInstanceStatus"] != status:
        raise invalid(
            f"Status ({instance['NotebookInstanceStatus']}) not in ([{status}]). Unable to {verb} "
            f"Notebook Instance ({instance['NotebookInstanceArn']})."
        )
    return instance


def _credentials(instance: dict[str, Any]) -> dict[str, str]:
    source = arn_of("app", instance[_NAME]) if doubts.other("notebook-source") else instance["NotebookInstanceArn"]
    return caller.execution_role(instance["RoleArn"], source).environment()


def _in_service(instance: dict[str, Any], credentials: dict[str, str]) -> None:
    file = env_file(instance[_NAME])
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_env(file, credentials)
    instance.update(NotebookInstanceStatus="InService", LastModifiedTime=now())


def _untagged(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "Tags"}


OPERATIONS: dict[str, Operation] = {
    "CreateNotebookInstanceLifecycleConfig": create_lifecycle_config,
    "DescribeNotebookInstanceLifecycleConfig": lambda r: lifecycle_configs.get(r[_CONFIG]),
    "UpdateNotebookInstanceLifecycleConfig": update_lifecycle_config,
    "DeleteNotebookInstanceLifecycleConfig": delete_lifecycle_config,
    "CreateNotebookInstance": create,
    "DescribeNotebookInstance": lambda r: instances.get(r[_NAME]),
    "UpdateNotebookInstance": update,
    "StartNotebookInstance": start,
    "StopNotebookInstance": stop,
    "DeleteNotebookInstance": delete,
    "ListNotebookInstances": lambda r: {
        "NotebookInstances": [
            {key: instance[key] for key in (_NAME, "NotebookInstanceArn", "NotebookInstanceStatus", "InstanceType")}
            for instance in instances.all()
        ]
    },
}
