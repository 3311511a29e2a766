"""Permissions that a SageMaker operation requires besides its own action: role, tags, configuration, key.

Source: "Amazon SageMaker API Permissions: Actions, Permissions, and Resources Reference", SageMaker developer guide.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_region

from local_aws import doubts
from local_aws.iam.authorization import caller, require, require_pass_role
from local_aws.iam.principal import RoleSession
from local_aws.keys import key_arn
from local_aws.private_network import place
from local_aws.sagemaker.registry import KIND_NAMED_BY, arn_of

_SERVICE = "sagemaker.amazonaws.com"
_ROLE: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "CreateTrainingJob": lambda request: request["RoleArn"],
    "CreateProcessingJob": lambda request: request["RoleArn"],
    "CreateHyperParameterTuningJob": lambda request: request["TrainingJobDefinition"]["RoleArn"],
    "CreateNotebookInstance": lambda request: request["RoleArn"],
    "CreateModel": lambda request: request.get("ExecutionRoleArn"),
}


def require_besides(operation: str, request: dict[str, Any]) -> None:
    """Require the caller's further permissions for an operation, besides its own action.

    Raises:
        ApiError: one of them is missing.
    """
    key = caller.get()
    if operation in _ROLE and (role := _ROLE[operation](request)):
        require_pass_role(key, role, _SERVICE)
    # Not for updates, which CloudFormation sends with tags, too.
    if operation.startswith("Create") and request.get("Tags"):
        name = f"{operation.removeprefix('Create')}Name"
        created = arn_of(KIND_NAMED_BY[name], request[name])
        require(key, "sagemaker:AddTags", created, {"sagemaker:TaggingAction": operation})
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        configuration = arn_of("endpoint-config", request["EndpointConfigName"])
        require(key, f"sagemaker:{operation}", configuration)


def execution_role(role_arn: str, resource_arn: str, vpc_config: Mapping[str, Any] | None = None) -> RoleSession:
    """Session of the role that SageMaker assumes for a resource of its own, such as a job or an endpoint.

    With a `vpc_config` it reads and writes S3 through that VPC.

    Raises:
        ApiError: the role does not exist, or does not trust SageMaker for this resource.
    """
    session = RoleSession(role_arn, service=_SERVICE, source_arn=resource_arn, session_name="SageMaker")
    place(session.access_key, vpc_config, services=("s3",))
    return session


def require_volume_grant(volume_key: str | None) -> None:
    """Require that the caller may grant instances the use of their volumes' key; None needs no grant.

    Raises:
        ApiError: the caller may not.
    """
    if volume_key:
        require(caller.get(), *volume_grant(volume_key))


def volume_grant(key: str) -> tuple[str, str, dict[str, str]]:
    """Permission to encrypt an instance's volume (action, key ARN, conditions), needed by caller and execution role."""
    conditions = {
        "kms:GrantIsForAWSResource": "true",
        "kms:ViaService": f"sagemaker.{get_region()}.amazonaws.com",
    }
    return "kms:CreateGrant", key_arn(key), conditions


def key_uses(volume_key: str | None, output_key: str | None) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Permissions on keys (action, key ARN, conditions) that the role of a job needs for its volumes and output."""
    if volume_key:
        yield volume_grant(volume_key)
    if output_key:
        yield _output_use(output_key)


def _output_use(key: str) -> tuple[str, str, dict[str, str]]:
    """Permission to encrypt a job's output.

    Source: KmsKeyId of "OutputDataConfig", SageMaker API reference.
    """
    through_s3 = {"kms:ViaService": f"s3.{get_region()}.amazonaws.com"}
    return "kms:Encrypt", key_arn(key), {} if doubts.other("kms-direct") else through_s3
