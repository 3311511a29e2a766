"""What SageMaker asks of a caller besides the operation itself: role, tags, configuration, key.

Source: "Amazon SageMaker API Permissions: Actions, Permissions, and Resources Reference", SageMaker developer guide.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_region

from local_aws.iam.authorization import caller, require, require_pass_role
from local_aws.keys import key_arn
from local_aws.sagemaker.registry import KIND_NAMED_BY, arn_of

_SERVICE = "sagemaker.amazonaws.com"
_ROLE: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "CreateTrainingJob": lambda request: request["RoleArn"],
    "CreateHyperParameterTuningJob": lambda request: request["TrainingJobDefinition"]["RoleArn"],
    "CreateNotebookInstance": lambda request: request["RoleArn"],
    "CreateModel": lambda request: request.get("ExecutionRoleArn"),
}


def require_besides(operation: str, request: dict[str, Any]) -> None:
    """Refuse (ApiError) an operation whose caller lacks something that it takes besides its own action."""
    key = caller.get()
    if operation in _ROLE and (role := _ROLE[operation](request)):
        require_pass_role(key, role, _SERVICE)
    if operation.startswith("Create") and request.get("Tags"):  # CloudFormation sends them with an update too
        name = f"{operation.removeprefix('Create')}Name"
        created = arn_of(KIND_NAMED_BY[name], request[name])
        require(key, "sagemaker:AddTags", created, {"sagemaker:TaggingAction": operation})
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        configuration = arn_of("endpoint-config", request["EndpointConfigName"])
        require(key, f"sagemaker:{operation}", configuration)


def require_volume_grant(volume_key: str | None) -> None:
    """Refuse (ApiError) instances with volumes encrypted with a key that the caller may not grant them."""
    if volume_key:
        require(caller.get(), *volume_grant(volume_key))


def volume_grant(key: str) -> tuple[str, str, dict[str, str]]:
    """What encrypting an instance's volume takes: of the caller, and of the role that the instance runs as."""
    conditions = {
        "kms:GrantIsForAWSResource": "true",
        "kms:ViaService": f"sagemaker.{get_region()}.amazonaws.com",
    }
    return "kms:CreateGrant", key_arn(key), conditions
